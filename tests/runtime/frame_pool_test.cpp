// SPDX-License-Identifier: MIT
#include <eddy/detail/frame_pool.hpp>

#include <cstddef>
#include <cstring>
#include <pthread.h>
#include <vector>

#include <doctest/doctest.h>

#include "heap_hooks.hpp"

#if EDDY_HEAP_HOOKS

namespace {

using eddy::detail::FramePool;
using eddy::testing::heap_counters;
using eddy::testing::HeapCounters;

/// What a fresh thread, whose pool is empty, asked of the heap and gave back, its end included.
template <class Body>
HeapCounters on_a_fresh_thread(Body body) {
    struct Last {  // made before the pool is used, so destroyed after it
        HeapCounters* seen = nullptr;
        ~Last() { *seen = heap_counters(); }
    };
    struct Start {
        Body& body;
        HeapCounters seen;
    } start{body, {}};
    pthread_t thread{};  // a std::thread would count with a state of its own
    const int failed = pthread_create(
        &thread,
        nullptr,
        [](void* argument) -> void* {
            auto& given = *static_cast<Start*>(argument);
            static thread_local Last last;
            last.seen = &given.seen;
            given.body();
            return nullptr;
        },
        &start);
    REQUIRE(failed == 0);
    pthread_join(thread, nullptr);
    return start.seen;
}

/// Takes `count` blocks, then gives all of them back.
void take_and_release(std::size_t count, std::size_t size) {
    std::vector<void*> blocks;
    blocks.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        blocks.push_back(FramePool::allocate(size));
    }
    for (void* block : blocks) {
        FramePool::release(block, size);
    }
}

}  // namespace

TEST_CASE("a frame of any size is writable to its end, and comes back") {
    for (std::size_t size = 1; size <= 2'100; ++size) {
        void* first = FramePool::allocate(size);
        void* second = FramePool::allocate(size);
        CHECK(first != second);
        std::memset(first, 0xaa, size);
        std::memset(second, 0xbb, size);
        FramePool::release(first, size);
        FramePool::release(second, size);
    }
}

TEST_CASE("everything the pool took from the heap is given back when the thread ends") {
    const HeapCounters seen = on_a_fresh_thread([] {
        for (const std::size_t size : {32U, 41U, 100U, 1'016U, 1'017U, 5'000U}) {
            take_and_release(100, size);
        }
    });
    CHECK(seen.allocations >= 600);
    CHECK(seen.allocations == seen.releases);
}

TEST_CASE("a block may come back on another thread") {
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) {
        blocks.push_back(FramePool::allocate(200));
    }
    const HeapCounters seen = on_a_fresh_thread([&blocks] {
        for (void* block : blocks) {
            FramePool::release(block, 200);
        }
    });
    CHECK(seen.releases >= 100);
}

TEST_CASE("a block that comes back after its thread's pool has ended goes to the heap") {
    const HeapCounters seen = on_a_fresh_thread([] {
        struct Holder {  // constructed before the pool, so destroyed after it
            void* block = nullptr;
            ~Holder() { FramePool::release(block, 64); }  // before Last looks
        };
        static thread_local Holder holder;
        holder.block = FramePool::allocate(64);
        take_and_release(1, 64);
    });
    CHECK(seen.allocations == seen.releases);
}

#if EDDY_FRAME_POOL  // sanitizers want to see every block's end

TEST_CASE("a released block is the next one of its class, and of no other") {
    void* block = FramePool::allocate(100);
    FramePool::release(block, 100);
    void* other = FramePool::allocate(64);
    CHECK(other != block);
    void* same = FramePool::allocate(104);  // 89 to 104 bytes are one class
    CHECK(same == block);
    FramePool::release(same, 104);
    FramePool::release(other, 64);
}

TEST_CASE("a class keeps a bounded number of blocks, the rest goes to the heap at once") {
    std::size_t released = 0;
    std::size_t allocated_again = 0;
    on_a_fresh_thread([&] {
        const HeapCounters before = heap_counters();
        take_and_release(FramePool::max_cached + 100, 256);
        const HeapCounters between = heap_counters();
        released = between.releases - before.releases - 1;  // the vector's
        take_and_release(FramePool::max_cached, 256);
        allocated_again = heap_counters().allocations - between.allocations - 1;
    });
    CHECK(released == 100);
    CHECK(allocated_again == 0);
}

TEST_CASE("blocks over a kilobyte are not kept") {
    const HeapCounters before = heap_counters();
    take_and_release(10, 1'025);
    const HeapCounters after = heap_counters();
    CHECK(after.releases - before.releases == 11);
}

#endif

#endif
