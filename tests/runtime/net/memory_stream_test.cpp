// SPDX-License-Identifier: MIT
#include <eddy/testing/memory_stream.hpp>

#include <array>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/testing/wait_matrix.hpp>

#include "heap_hooks.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::memory_stream_pair;
using eddy::testing::MemoryListener;
using eddy::testing::MemoryStream;
using eddy::testing::settle;
using eddy::testing::stream_contract::Ending;
using eddy::testing::stream_contract::read_all;
using eddy::testing::stream_contract::read_text;
using eddy::testing::stream_contract::reads;
using eddy::testing::stream_contract::writes;

static_assert(eddy::Stream<MemoryStream>);
static_assert(eddy::Listener<MemoryListener>);
static_assert(std::same_as<eddy::accepted_t<MemoryListener>, MemoryStream>);

struct MemoryPair {
    static constexpr std::size_t plenty = 1UL << 20U;
    static constexpr bool resets = true;
    static Task<std::pair<MemoryStream, MemoryStream>> make() { co_return memory_stream_pair(); }
};
struct SplitPair {
    static constexpr std::size_t plenty = 1UL << 20U;
    static constexpr bool resets = true;
    static Task<std::pair<MemoryStream, MemoryStream>> make() {
        static std::uint64_t seed = 0;
        co_return memory_stream_pair({.capacity = 1000, .seed = ++seed});
    }
};

class ReadFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit ReadFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return pair_.first.read_some(buffer_); }
    Task<> wait() {
        std::array<std::byte, 1> buffer{};
        const std::size_t length = co_await pair_.first.read_some(buffer);
        CHECK(length == 1);
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { CHECK(pair_.second.write_all("x").try_now()); }
    bool intact() const { return pair_.first.is_open(); }

private:
    std::pair<MemoryStream, MemoryStream> pair_ = memory_stream_pair();
    std::array<std::byte, 1> buffer_{};
};

class HangUpFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit HangUpFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return pairs_[0].first.wait_hang_up(); }
    Task<> wait() { return hang_up(pairs_[next_++ % 2].first); }
    Task<> wait_again() { return hang_up(pairs_[2].first); }
    void complete() {
        for (auto& pair : pairs_) {
            CHECK(pair.second.shutdown().try_now());
        }
    }
    bool intact() const { return pairs_[0].first.is_open(); }

private:
    static Task<> hang_up(MemoryStream& stream) { co_await stream.wait_hang_up(); }

    std::array<std::pair<MemoryStream, MemoryStream>, 3> pairs_ = {
        memory_stream_pair(), memory_stream_pair(), memory_stream_pair()};
    std::size_t next_ = 0;
};

class AcceptFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit AcceptFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return listener_.accept(); }
    Task<> wait() {
        const MemoryStream stream = co_await listener_.accept();
        CHECK(stream.is_open());
        used_ = true;
    }
    Task<> wait_again() {
        CHECK(listener_.pending() == (used_ ? 0 : 1));
        complete();
        co_await wait();
    }
    void complete() { clients_.push_back(listener_.connect()); }
    bool intact() const { return listener_.waiting() == 0; }

private:
    MemoryListener listener_;
    std::vector<MemoryStream> clients_;
    bool used_ = false;
};

}  // namespace

EDDY_STREAM_CONTRACT("a memory stream", MemoryPair)
EDDY_STREAM_CONTRACT("a memory stream that splits", SplitPair)
EDDY_WAIT_MATRIX("MemoryStream::read_some", ReadFixture)
EDDY_WAIT_MATRIX("MemoryStream::wait_hang_up", HangUpFixture)
EDDY_WAIT_MATRIX("MemoryListener::accept", AcceptFixture)

EDDY_TEST_CASE("a write waits while its reader does not read, and keeps to the capacity") {
    auto [a, b] = memory_stream_pair({.capacity = 4});
    auto writer = eddy::spawn(writes(a, 10));
    co_await settle();
    CHECK(b.readable() == 4);
    CHECK_FALSE(writer.done());
    const std::string some = co_await read_text(b, 4);
    CHECK(some == "xxxx");
    CHECK(b.readable() == 4);
    CHECK_FALSE(writer.done());
    const std::string rest = co_await read_text(b, 6);
    CHECK(rest == "xxxxxx");
    const Ending how = co_await writer;
    CHECK(how == Ending::value);
    CHECK_THROWS_AS(static_cast<void>(memory_stream_pair({.capacity = 0})), std::invalid_argument);
}

EDDY_TEST_CASE("a write that was cancelled before its first byte has not happened") {
    auto [a, b] = memory_stream_pair({.capacity = 4});
    co_await a.write_all("full");
    eddy::CancelScope scope;
    auto writer = eddy::spawn(with_scope(scope, writes(a, 2)));
    co_await settle();
    scope.cancel();
    co_await writer.wait();
    const std::string got = co_await read_text(b, 4);
    CHECK(got == "full");
    co_await a.write_all("more");
    const std::string more = co_await read_text(b, 4);
    CHECK(more == "more");
}

EDDY_TEST_CASE("a write that a select did not choose has not happened") {
    auto [a, b] = memory_stream_pair({.capacity = 4});
    const auto chosen = co_await eddy::select(a.write_all("too long"), eddy::yield());
    CHECK(chosen.index() == 1);
    // It had begun to wait, and with it to write: that one is torn.
    const Ending later = co_await writes(a, 1);
    CHECK(later == Ending::broken);

    auto [c, d] = memory_stream_pair({.capacity = 4});
    co_await d.write_all("x");
    std::array<std::byte, 1> buffer{};
    const auto other = co_await eddy::select(c.write_all("too long"), c.read_some(buffer));
    CHECK(other.index() == 1);  // could finish at once: the write was only tried
    co_await c.write_all("fine");
}

EDDY_TEST_CASE("closing with something unread resets, as TCP does") {
    auto [a, b] = memory_stream_pair();
    co_await a.write_all("never read");
    b.close();
    const Ending read = co_await reads(a);
    const Ending written = co_await writes(a, 1);
    CHECK(read == Ending::broken);
    CHECK(written == Ending::broken);
}

EDDY_TEST_CASE("the same seed splits in the same way, another one in another") {
    const auto split = [](std::uint64_t seed) -> Task<std::vector<std::size_t>> {
        auto [a, b] = memory_stream_pair({.capacity = 200, .seed = seed});
        co_await a.write_all(std::string(200, 'x'));
        a.close();
        std::vector<std::size_t> lengths;
        std::array<std::byte, 64> buffer{};
        std::size_t length = 1;
        while (length != 0) {
            length = co_await b.read_some(buffer);
            lengths.push_back(length);
        }
        co_return lengths;
    };
    const auto first = co_await split(1);
    const auto again = co_await split(1);
    const auto other = co_await split(2);
    CHECK(first.size() > 4);
    CHECK(first == again);
    CHECK(first != other);
}

EDDY_TEST_CASE_FIFO("a memory stream allocates nothing per message") {
    auto [a, b] = memory_stream_pair();
    std::array<std::byte, 64> buffer{};
    const auto before = eddy::testing::heap_counters().allocations;
    for (int i = 0; i < 100; ++i) {
        co_await a.write_all("ping");
        co_await b.read_some(buffer);
    }
    CHECK(eddy::testing::heap_counters().allocations == before);
}

EDDY_TEST_CASE("a memory stream refuses other threads") {
    auto [a, b] = memory_stream_pair();
    co_await a.write_all("x");
    bool refused = false;
    std::thread([&] {
        try {
            a.close();
        } catch (const eddy::WrongThread&) {
            refused = true;
        }
    }).join();
    CHECK(refused);
    CHECK(a.is_open());
}

TEST_CASE("an exchange over memory streams survives a cancellation at every checkpoint") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        auto [a, b] = memory_stream_pair({.capacity = 3});
        co_await eddy::with_task_group([&a, &b](eddy::TaskGroup& group) -> Task<> {
            group.spawn(
                [](MemoryStream& stream) -> Task<> {
                    co_await stream.write_all("ping pong");
                    co_await stream.shutdown();
                },
                std::ref(a));
            const std::string text = co_await read_all(b);
            CHECK(text == "ping pong");
        });
    });
    CHECK(count > 4);
}

EDDY_TEST_CASE("a memory listener yields connections in order, fails on request, and closes") {
    MemoryListener listener({}, 2);
    MemoryStream first = listener.connect();
    MemoryStream second = listener.connect();
    CHECK_THROWS_AS(static_cast<void>(listener.connect()), eddy::BrokenResource);
    CHECK(listener.pending() == 2);
    co_await first.write_all("1");
    MemoryStream accepted = co_await listener.accept();
    const std::string got = co_await read_text(accepted, 1);
    CHECK(got == "1");
    listener.fail_accepts(std::errc::too_many_files_open, 1);
    try {
        const MemoryStream none = co_await listener.accept();
        FAIL("it did not throw");
    } catch (const eddy::IoError& error) {
        CHECK(error.code() == std::errc::too_many_files_open);
    }
    listener.close();
    CHECK_FALSE(listener.is_open());
    const Ending refused = co_await reads(second);
    CHECK(refused == Ending::broken);
    CHECK_THROWS_AS(static_cast<void>(listener.connect()), eddy::BrokenResource);
    CHECK_THROWS_AS(static_cast<void>(listener.accept().try_now()), eddy::ClosedResource);
}

EDDY_TEST_CASE("a write to a memory stream that is awaited again is written again") {
    auto [near, far] = memory_stream_pair({.capacity = 4});
    auto write = near.write_all(std::string_view("ab"));
    co_await write;
    co_await write;
    auto job = eddy::spawn([](auto& again) -> Task<> { co_await again; }(write));
    const std::string text = co_await read_text(far, 6);
    co_await job;
    CHECK(text == "ababab");
}
