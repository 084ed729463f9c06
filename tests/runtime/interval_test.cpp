// SPDX-License-Identifier: MIT
#include <eddy/interval.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <variant>

#include <eddy/call_later.hpp>
#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/time.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Interval;
using eddy::MissedTick;
using eddy::sleep_for;
using eddy::Task;
using eddy::TimePoint;
using eddy::testing::let_run;
using eddy::testing::settle;

[[nodiscard]] eddy::Duration since(TimePoint start) { return eddy::now() - start; }

Task<TimePoint> one_tick(Interval& interval) { co_return co_await interval.tick(); }

}  // namespace

EDDY_TEST_CASE("the first tick comes at once, the others a period apart") {
    const TimePoint start = eddy::now();
    Interval interval(10ms);
    for (int i = 0; i < 3; ++i) {
        const TimePoint meant = co_await interval.tick();
        CHECK(since(start) == i * 10ms);
        CHECK(meant == eddy::now());
    }
}

EDDY_TEST_CASE("the first tick may be put off") {
    const TimePoint start = eddy::now();
    Interval interval(start + 1s, 10ms);
    co_await interval.tick();
    CHECK(since(start) == 1s);
    co_await interval.tick();
    CHECK(since(start) == 1010ms);
}

EDDY_TEST_CASE("the time of the work between two ticks is not added to the period") {
    const TimePoint start = eddy::now();
    Interval interval(10ms);
    for (int i = 0; i < 4; ++i) {
        co_await interval.tick();
        CHECK(since(start) == i * 10ms);
        co_await sleep_for(7ms);
    }
}

EDDY_TEST_CASE("burst makes up for missed ticks at once") {
    const TimePoint start = eddy::now();
    Interval interval(10ms);
    co_await interval.tick();
    co_await sleep_for(35ms);
    for (const auto expected : {10ms, 20ms, 30ms}) {
        const TimePoint meant = co_await interval.tick();
        CHECK(meant - start == expected);
        CHECK(since(start) == 35ms);
    }
    co_await interval.tick();
    CHECK(since(start) == 40ms);
}

EDDY_TEST_CASE("delay goes on a period after a late tick") {
    const TimePoint start = eddy::now();
    Interval interval(10ms, MissedTick::delay);
    co_await interval.tick();
    co_await sleep_for(35ms);
    const TimePoint meant = co_await interval.tick();
    CHECK(meant - start == 10ms);
    CHECK(since(start) == 35ms);
    co_await interval.tick();
    CHECK(since(start) == 45ms);
}

EDDY_TEST_CASE("skip goes on at the next multiple of the period") {
    const TimePoint start = eddy::now();
    Interval interval(10ms, MissedTick::skip);
    co_await interval.tick();
    co_await sleep_for(35ms);
    const TimePoint meant = co_await interval.tick();
    CHECK(meant - start == 10ms);
    CHECK(since(start) == 35ms);
    co_await interval.tick();
    CHECK(since(start) == 40ms);
}

EDDY_TEST_CASE("skip after a whole number of periods waits for the next one") {
    const TimePoint start = eddy::now();
    Interval interval(10ms, MissedTick::skip);
    co_await interval.tick();
    co_await sleep_for(30ms);
    co_await interval.tick();
    co_await interval.tick();
    CHECK(since(start) == 40ms);
}

EDDY_TEST_CASE("a tick that is late by five milliseconds is in time, one nanosecond more is not") {
    const TimePoint start = eddy::now();
    Interval interval(10ms, MissedTick::delay);
    co_await interval.tick();
    co_await sleep_for(15ms);
    co_await interval.tick();
    CHECK(since(start) == 15ms);
    co_await interval.tick();
    CHECK(since(start) == 20ms);
    co_await sleep_for(15ms + 1ns);
    co_await interval.tick();
    CHECK(since(start) == 35ms + 1ns);
    co_await interval.tick();
    CHECK(since(start) == 45ms + 1ns);
}

EDDY_TEST_CASE("reset moves the next tick to a period from now") {
    const TimePoint start = eddy::now();
    Interval interval(10ms);
    co_await interval.tick();
    co_await sleep_for(7ms);
    interval.reset();
    co_await interval.tick();
    CHECK(since(start) == 17ms);
}

EDDY_TEST_CASE("reset moves a tick that is being waited for") {
    const TimePoint start = eddy::now();
    Interval interval(start + 10ms, 20ms);
    auto ticking = eddy::spawn(one_tick(interval));
    co_await sleep_for(7ms);
    interval.reset();
    const TimePoint meant = co_await ticking;
    CHECK(meant - start == 27ms);
    CHECK(since(start) == 27ms);
}

EDDY_TEST_CASE("a tick that has come keeps its time when a reset comes before its job runs") {
    const TimePoint start = eddy::now();
    for (const MissedTick missed : {MissedTick::burst, MissedTick::delay, MissedTick::skip}) {
        const TimePoint first = eddy::now() + 10ms;
        Interval interval(first, 20ms, missed);
        eddy::call_at(first, [&interval] {  // after deadlines, before jobs
            eddy::testing::test_clock().advance(3ms);
            interval.reset();
        });
        const TimePoint meant = co_await interval.tick();
        CHECK(meant == first);
        CHECK(eddy::now() == first + 3ms);
        const TimePoint next = co_await interval.tick();
        CHECK(next == first + 23ms);
        CHECK(eddy::now() == first + 23ms);
        const TimePoint third = co_await interval.tick();
        CHECK(third == first + 43ms);
    }
    CHECK(since(start) == 3 * 53ms);
}

EDDY_TEST_CASE("so it does in a select, and for a timeout of the same moment") {
    const TimePoint start = eddy::now();
    Interval interval(start + 10ms, 20ms);
    eddy::call_at(start + 10ms, [&interval] { interval.reset(); });
    const auto got = co_await eddy::select(sleep_for(1h), interval.tick());
    REQUIRE(got.index() == 1);
    CHECK(std::get<1>(got) == start + 10ms);
    eddy::call_at(start + 30ms, [&interval] { interval.reset(); });
    const auto kept = co_await eddy::move_on_at(start + 30ms, one_tick(interval));
    CHECK(kept == start + 30ms);
    const TimePoint next = co_await interval.tick();
    CHECK(next == start + 50ms);
}

TEST_CASE("a tick that has come and is not delivered is not used up; a reset counts all the same") {
    for (const bool reset : {false, true}) {
        eddy::testing::VirtualClock clock;
        eddy::testing::RecordingObserver observer;
        Interval interval(TimePoint(10ms), 20ms);
        std::optional<eddy::Completion<void>> kept;
        const auto loses = [&]() -> Task<> {
            const auto got = co_await eddy::select(
                interval.tick(), eddy::from_callback<void>([&kept](eddy::Completion<void> done) {
                    kept.emplace(std::move(done));
                }));
            FAIL_CHECK("there was a winner: " << got.index());
        };
        const auto main = [&]() -> Task<> {
            eddy::spawn(loses());
            co_await let_run();
            clock.advance(10ms);
            co_await let_run();  // the tick has won, and waits for the callback, which never ends
            CHECK(kept.has_value());
            if (reset) {
                interval.reset();
            }
        };
        eddy::run(main(), {.grace = 0ms}, {.clock = &clock, .observer = &observer});
        CHECK(observer.abandoned.size() == 1);
        kept.reset();
        const auto again = [&]() -> Task<> {
            const TimePoint next = co_await interval.tick();
            CHECK(next == TimePoint(reset ? 30ms : 10ms));
            const TimePoint after = co_await interval.tick();
            CHECK(after == next + 20ms);
        };
        eddy::run(again(), {}, {.clock = &clock});
    }
}

EDDY_TEST_CASE("a tick that was cancelled is not used up") {
    const TimePoint start = eddy::now();
    Interval interval(start + 10ms, 10ms);
    const auto none = co_await eddy::move_on_after(3ms, one_tick(interval));
    CHECK_FALSE(none.has_value());
    co_await interval.tick();
    CHECK(since(start) == 10ms);
}

EDDY_TEST_CASE("a tick that select did not choose is not used up") {
    const TimePoint start = eddy::now();
    Interval interval(start + 10ms, 10ms);
    const auto got = co_await eddy::select(interval.tick(), sleep_for(3ms));
    CHECK(got.index() == 1);
    co_await interval.tick();
    CHECK(since(start) == 10ms);
}

EDDY_TEST_CASE("one job ticks at a time") {
    Interval interval(eddy::now() + 10ms, 10ms);
    auto ticking = eddy::spawn(one_tick(interval));
    co_await settle();
    bool refused = false;
    try {
        co_await interval.tick();
    } catch (const eddy::BusyResource&) {
        refused = true;
    }
    CHECK(refused);
    static_cast<void>(co_await ticking);
}

EDDY_TEST_CASE("two ticks of one interval in the same select are refused") {
    Interval interval(eddy::now() + 10ms, 10ms);
    bool refused = false;
    try {
        static_cast<void>(co_await eddy::select(interval.tick(), interval.tick()));
    } catch (const eddy::BusyResource&) {
        refused = true;
    }
    CHECK(refused);
    co_await interval.tick();
}

EDDY_TEST_CASE("a period that is not positive is an invalid argument") {
    CHECK_THROWS_AS(Interval(0ms), std::invalid_argument);
    CHECK_THROWS_AS(Interval(-1ms), std::invalid_argument);
    co_return;
}

EDDY_TEST_CASE("a period without end ticks once") {
    Interval interval(eddy::Duration::max());
    co_await interval.tick();
    const auto none = co_await eddy::move_on_after(24h, one_tick(interval));
    CHECK_FALSE(none.has_value());
}

EDDY_TEST_CASE("ticks are left out from the beginning of time on") {
    Interval interval(TimePoint::min(), 1h, MissedTick::skip);
    co_await sleep_for(90min);
    const TimePoint meant = co_await interval.tick();
    CHECK(meant == TimePoint::min());
    const TimePoint next = co_await interval.tick();
    CHECK(next > TimePoint() + 90min);
    CHECK(next <= TimePoint() + 150min);
    // From the first to here it is more than a duration can hold.
    const auto count = [](TimePoint when) {
        return static_cast<std::uint64_t>(when.time_since_epoch().count());
    };
    CHECK((count(next) - count(meant)) % 3'600'000'000'000 == 0);
}

TEST_CASE("an interval outside a loop has no clock to start by") {
    CHECK_THROWS_AS(Interval(1ms), eddy::InvalidState);
}

EDDY_TEST_CASE("an interval belongs to the loop of its first tick") {
    Interval interval(1ms);
    co_await interval.tick();
    std::thread([&interval] {
        CHECK_THROWS_AS(static_cast<void>(eddy::run(one_tick(interval))), eddy::WrongThread);
        CHECK_THROWS_AS(interval.reset(), eddy::WrongThread);
    }).join();
    co_await interval.tick();
}

EDDY_TEST_CASE("a tick whose job died before it ran leaves the interval free for the next") {
    Interval interval(10ms);
    co_await interval.tick();
    {
        auto tick = interval.tick();
        const bool at_once = tick.try_now();
        CHECK_FALSE(at_once);
        // As a job's frame would be destroyed between the end of its wait and its resumption.
        using eddy::detail::WaiterAccess;
        WaiterAccess::commit_at_once(tick, *eddy::detail::thread_state.job);
        WaiterAccess::abandon_own(tick);
    }
    const TimePoint start = eddy::now();
    co_await interval.tick();
    CHECK(since(start) == 10ms);
}
