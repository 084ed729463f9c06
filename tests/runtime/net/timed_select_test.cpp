// SPDX-License-Identifier: MIT
// The operations of a timed stream as operations: in a select, awaited again, against each other in
// the same moment; and over streams that have tasks.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/any_stream.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/then.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "plain_stream.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing::stream_contract;
using eddy::select;
using eddy::sleep_for;
using eddy::Task;
using eddy::TimedStream;
using eddy::testing::Gate;
using eddy::testing::memory_stream_pair;
using eddy::testing::MemoryStream;
using eddy::testing::settle;
using eddy::testing::TaskStream;
using Bytes = std::span<const std::byte>;

static_assert(eddy::detail::ReadsByOperation<TimedStream<MemoryStream>>);
static_assert(eddy::detail::WritesByOperation<TimedStream<MemoryStream>>);
static_assert(eddy::detail::WritesByOperation<TimedStream<TimedStream<MemoryStream>>>);
static_assert(eddy::Stream<TimedStream<TaskStream>>);
static_assert(!eddy::detail::ReadsByOperation<TimedStream<TaskStream>>);

struct OverTasks {
    static constexpr std::size_t plenty = 1UL << 20U;
    static constexpr bool resets = true;
    using Timed = TimedStream<TaskStream>;
    static Task<std::pair<Timed, Timed>> make() {
        auto [a, b] = memory_stream_pair();
        co_return std::pair<Timed, Timed>(Timed(TaskStream(std::move(a)), {.idle = 1h}),
                                          Timed(TaskStream(std::move(b)), {.idle = 1h}));
    }
};

struct Twice {
    static constexpr std::size_t plenty = 1UL << 20U;
    static constexpr bool resets = true;
    using Timed = TimedStream<TimedStream<MemoryStream>>;
    static Task<std::pair<Timed, Timed>> make() {
        auto [a, b] = memory_stream_pair();
        co_return std::pair<Timed, Timed>(
            Timed(TimedStream(std::move(a), {.idle = 1h}), {.idle = 1h}),
            Timed(TimedStream(std::move(b), {.idle = 1h}), {.idle = 1h}));
    }
};

// --- the matrix --------------------------------------------------------------------------------

class Ends {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit Ends(eddy::testing::VirtualClock&) {}
    Task<> prepare() {
        auto [a, b] = memory_stream_pair({.capacity = 32UL * 1024});
        here_.emplace(std::move(a), eddy::StreamTimeouts{.idle = 24h});
        there_.emplace(std::move(b));
        co_return;
    }
    bool intact() const { return there_->is_open(); }

protected:
    void say() { CHECK(there_->write_all("x").try_now()); }

    std::optional<TimedStream<MemoryStream>> here_;
    std::optional<MemoryStream> there_;
    std::array<std::byte, 1> buffer_{};
};

class ReadFixture : public Ends {
public:
    using Ends::Ends;
    auto operation() { return here_->read_some(buffer_); }
    Task<> wait() {
        std::array<std::byte, 1> buffer{};
        const std::size_t length = co_await here_->read_some(buffer);
        CHECK(length == 1);
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { say(); }
};

class ReadableFixture : public Ends {
public:
    using Ends::Ends;
    auto operation() { return here_->wait_readable(); }
    Task<> wait() {
        co_await here_->wait_readable();
        took();
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { say(); }
    void took() { CHECK(here_->inner().read_some(buffer_).try_now()); }
};

template <std::size_t size>
class WriteFixture : public Ends {
public:
    using Ends::Ends;
    Task<> prepare() {
        co_await Ends::prepare();
        const std::string full(32UL * 1024, 'x');
        co_await here_->inner().write_all(std::string_view(full));
    }
    auto operation() { return here_->write_all(std::string_view(text_)); }
    Task<> wait() { co_await here_->write_all(std::string_view(text_)); }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() {
        std::vector<std::byte> buffer(size);
        CHECK(there_->read_some(buffer).try_now());
    }

private:
    std::string text_ = std::string(size, 'y');
};

// --- streams of a test's -----------------------------------------------------------------------

/// Every operation takes a second.
class SleepyStream final {
    static auto sleepy(std::size_t length) {
        return eddy::then([] { return sleep_for(1s); }, [length] { return length; });
    }
    static auto sleepy_all() {
        return eddy::then([] { return sleep_for(1s); }, [] {});
    }

public:
    auto read_some(std::span<std::byte>) { return sleepy(1); }
    auto write_some(Bytes bytes) { return sleepy(bytes.size()); }
    auto write_all(Bytes) { return sleepy_all(); }
    auto write_all(std::span<const Bytes>) { return sleepy_all(); }
    auto write_all(std::string_view) { return sleepy_all(); }
    auto shutdown() { return sleepy_all(); }
    void close() {}
};

/// A wait on the outside world: nobody can take it back, only ask for its end.
struct OutsideWorld {
    class Wait final : public eddy::Waiter {
    public:
        explicit Wait(OutsideWorld& world) noexcept : world_(world) {}
        [[nodiscard]] bool try_now() const noexcept { return false; }
        void start() noexcept { world_.waiting = this; }
        std::size_t take() const {
            if (world_.fails) {
                throw eddy::IoError(std::make_error_code(std::errc::io_error), "the world");
            }
            return world_.length;
        }
        [[nodiscard]] const char* what() const noexcept override { return "OutsideWorld"; }

    private:
        void unlink() noexcept override { world_.waiting = nullptr; }
        [[nodiscard]] bool abort() noexcept override {
            ++world_.asked;
            return false;
        }
        OutsideWorld& world_;
    };

    void answers(std::size_t bytes) {
        length = bytes;
        std::exchange(waiting, nullptr)->commit();
    }

    Wait* waiting = nullptr;
    std::size_t length = 0;
    int asked = 0;
    bool fails = false;
};

class OutsideStream final {
    auto all() {
        return eddy::then([this] { return OutsideWorld::Wait(*world_); }, [](std::size_t) {});
    }

public:
    explicit OutsideStream(OutsideWorld& world) noexcept : world_(&world) {}
    auto read_some(std::span<std::byte>) { return OutsideWorld::Wait(*world_); }
    auto write_some(Bytes) { return OutsideWorld::Wait(*world_); }
    auto write_all(Bytes) { return all(); }
    auto write_all(std::span<const Bytes>) { return all(); }
    auto write_all(std::string_view) { return all(); }
    auto shutdown() { return all(); }
    void close() {}

private:
    OutsideWorld* world_;
};

template <class S>
Task<bool> times_out(S& stream) {
    std::array<std::byte, 8> buffer{};
    try {
        static_cast<void>(co_await stream.read_some(buffer));
    } catch (const eddy::TimedOut&) {
        co_return true;
    }
    co_return false;
}

}  // namespace

EDDY_STREAM_CONTRACT("a timed stream of tasks", OverTasks)
EDDY_STREAM_CONTRACT("a timed stream in another", Twice)
EDDY_WAIT_MATRIX("TimedStream::read_some", ReadFixture)
EDDY_WAIT_MATRIX("TimedStream::wait_readable", ReadableFixture)
EDDY_WAIT_MATRIX("TimedStream::write_all", WriteFixture<100>)
EDDY_WAIT_MATRIX("TimedStream::write_all, large", WriteFixture<20'000>)

EDDY_TEST_CASE("a select through a timed stream: a read that lost has read nothing") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 1s});
    std::array<std::byte, 8> buffer{};
    auto read = stream.read_some(buffer);
    for (int i = 0; i < 3; ++i) {
        const auto got = co_await select(read, sleep_for(900ms));
        CHECK(got.index() == 1);
    }
    co_await b.write_all("here");
    const std::size_t length = co_await read;
    CHECK(length == 4);
}

EDDY_TEST_CASE("a select through a timed stream hears of its timeout, and takes nothing else") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 1s});
    Gate gate;
    std::array<std::byte, 8> buffer{};
    auto read = stream.read_some(buffer);
    for (int i = 0; i < 2; ++i) {
        const eddy::TimePoint begun = eddy::now();
        bool timed_out = false;
        try {
            co_await select(gate.wait(), read);
        } catch (const eddy::TimedOut&) {
            timed_out = true;
        }
        CHECK(timed_out);
        CHECK(gate.waiters() == 0);
        CHECK(eddy::now() - begun == 1s);
    }
}

EDDY_TEST_CASE("a select with two reads of one timed stream is refused, and leaves nothing") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 1s});
    std::array<std::byte, 8> one{};
    std::array<std::byte, 8> other{};
    bool busy = false;
    try {
        co_await select(stream.read_some(one), stream.read_some(other));
    } catch (const eddy::BusyResource&) {
        busy = true;
    }
    CHECK(busy);
    co_await b.write_all("x");
    const std::size_t length = co_await stream.read_some(one);
    CHECK(length == 1);
}

EDDY_TEST_CASE("a select whose timed stream is destroyed is told") {
    auto [a, b] = memory_stream_pair();
    auto stream = std::make_optional<TimedStream<MemoryStream>>(std::move(a),
                                                                eddy::StreamTimeouts{.idle = 1s});
    std::array<std::byte, 8> buffer{};
    Gate gate;
    eddy::call_later(1ms, [&] {
        auto moved = std::move(*stream);
        stream.reset();
    });
    const Ending end = co_await ending(
        [&]() -> Task<> { co_await select(stream->read_some(buffer), gate.wait()); });
    CHECK(end == Ending::closed);
    CHECK(gate.waiters() == 0);
}

EDDY_TEST_CASE("what ends with the timeout of a timed stream has not timed out, in any depth") {
    std::array<std::byte, 8> buffer{};
    TimedStream<SleepyStream> stream(SleepyStream(), {.idle = 1s});
    const std::size_t length = co_await stream.read_some(buffer);
    CHECK(length == 1);
    co_await stream.write_all("text");
    using Inner = TimedStream<SleepyStream>;
    TimedStream<Inner> outer(Inner(SleepyStream(), {.idle = 1h}), {.idle = 1s});
    co_await outer.write_all("text");
    const std::string large(20'000, 'x');
    co_await outer.write_all(large);
    TimedStream<SleepyStream> hasty(SleepyStream(), {.idle = 999ms});
    const bool timed_out = co_await times_out(hasty);
    CHECK(timed_out);
}

EDDY_TEST_CASE("what is in flight when its time is over is waited for, and counts if it comes") {
    OutsideWorld world;
    TimedStream stream(OutsideStream(world), {.idle = 1s});
    auto reading = eddy::spawn([](auto& from) -> Task<std::size_t> {
        std::array<std::byte, 8> buffer{};
        co_return co_await from.read_some(buffer);
    }(stream));
    co_await sleep_for(2s);
    CHECK(world.asked == 1);
    CHECK_FALSE(reading.done());
    stream.set_timeouts({.idle = 1s});
    co_await sleep_for(2s);
    CHECK(world.asked == 1);
    world.answers(5);
    const std::size_t length = co_await reading;
    CHECK(length == 5);

    auto writing = eddy::spawn(
        [](auto& to) -> Task<> { co_await to.write_all(std::string(20'000, 'x')); }(stream));
    co_await sleep_for(2s);
    CHECK(world.asked == 2);
    world.answers(100);  // and no more of it
    bool timed_out = false;
    try {
        co_await writing;
    } catch (const eddy::TimedOut&) {
        timed_out = true;
    }
    CHECK(timed_out);
    const Ending torn = co_await writes(stream, 1);
    CHECK(torn == Ending::broken);
}

EDDY_TEST_CASE("what is in flight when its time is over, and fails, says why") {
    OutsideWorld world;
    TimedStream stream(OutsideStream(world), {.idle = 1s});
    auto reading = eddy::spawn([](auto& from) -> Task<Ending> { return reads(from); }(stream));
    co_await sleep_for(2s);
    world.fails = true;
    world.answers(0);
    const Ending end = co_await reading;
    CHECK(end == Ending::other);
}

EDDY_TEST_CASE("a timeout against a cancellation of the same moment: who cancels is heard") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.reading = {.bytes = 10, .per = 1s}});
    const auto none = co_await eddy::move_on_after(1s, times_out(stream));
    CHECK_FALSE(none.has_value());
    const eddy::TimePoint begun = eddy::now();
    const bool timed_out = co_await times_out(stream);
    CHECK(timed_out);
    CHECK(eddy::now() == begun);  // what a cancelled read has waited counts
}

TEST_CASE("timed operations in a select survive a cancellation at every checkpoint") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        auto [a, b] = memory_stream_pair({.capacity = 1000});
        TimedStream<MemoryStream&> here(a, {.idle = 1h});
        TimedStream there(std::move(b), {.idle = 2s});
        const std::string large(20'000, 'x');
        std::vector<std::byte> buffer(700);
        auto write = here.write_all(std::string_view(large));
        for (int i = 0; i < 5; ++i) {
            static_cast<void>(co_await select(there.read_some(buffer), sleep_for(1s)));
        }
        static_cast<void>(co_await select(write, sleep_for(1s)));
        static_cast<void>(co_await there.read_some(buffer));
    });
    CHECK(count > 6);
}
