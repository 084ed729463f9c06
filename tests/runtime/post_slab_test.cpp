// SPDX-License-Identifier: MIT
#include <eddy/detail/post_slab.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include <eddy/loop.hpp>
#include <eddy/loop_handle.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>

namespace {

using eddy::detail::PostSlab;
using eddy::testing::Gate;

struct Taken {
    void* memory;
    std::size_t size;
};

/// Posts when its thread ends, after most of what else is local to that.
struct LatePost {
    eddy::LoopHandle loop;
    Gate* done;
    ~LatePost() {
        static_cast<void>(loop.post([gate = done] { gate->open(); }));
    }
};

}  // namespace

TEST_CASE("blocks are aligned, keep apart, and come back on any thread in any order") {
    std::vector<Taken> taken;
    std::thread([&taken] {
        for (std::size_t i = 0; i < 3 * PostSlab::blocks + 5; ++i) {
            const std::size_t size = 1 + i % (2 * PostSlab::block_size);
            void* const memory = PostSlab::allocate(size);
            std::memset(memory, static_cast<int>(i & 0x7fU), size);
            taken.push_back({memory, size});
        }
    }).join();  // its slab is not used up
    for (std::size_t i = 0; i < taken.size(); ++i) {
        CHECK(reinterpret_cast<std::uintptr_t>(taken[i].memory) % alignof(std::max_align_t) == 0);
        const std::vector<char> expected(taken[i].size, static_cast<char>(i & 0x7fU));
        CHECK(std::memcmp(taken[i].memory, expected.data(), expected.size()) == 0);
    }
    for (std::size_t i = 0; i < taken.size(); i += 2) {
        PostSlab::release(taken[i].memory, taken[i].size);
    }
    std::thread([&taken] {
        for (std::size_t i = 1; i < taken.size(); i += 2) {
            PostSlab::release(taken[i].memory, taken[i].size);
        }
    }).join();
}

EDDY_TEST_CASE("a thread-local destructor may post, before and after the thread's slab has gone") {
    Gate early;
    Gate late;
    std::thread thread([&early, &late, loop = eddy::Loop::current().handle()] {
        static thread_local LatePost first{loop, &late};  // destroyed last
        static_cast<void>(first);
        static_cast<void>(loop.post([] {}));
        static thread_local LatePost second{loop, &early};
        static_cast<void>(second);
    });
    co_await early.wait();
    co_await late.wait();
    thread.join();
}

EDDY_TEST_CASE("a posted function may be large, or aligned beyond the usual") {
    struct alignas(128) Wide {
        std::array<std::uint64_t, 16> words{};
    };
    Gate done;
    bool aligned = false;
    std::uint64_t last = 0;
    Wide wide;
    wide.words.back() = 42;
    std::thread thread([&, loop = eddy::Loop::current().handle()] {
        static_cast<void>(loop.post([&, wide] {
            aligned = reinterpret_cast<std::uintptr_t>(&wide) % alignof(Wide) == 0;
            last = wide.words.back();
            done.open();
        }));
    });
    co_await done.wait();
    thread.join();
    CHECK(aligned);
    CHECK(last == 42);
}
