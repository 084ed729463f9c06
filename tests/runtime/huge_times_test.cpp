// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <functional>

#include <doctest/doctest.h>

#include <eddy/alarm.hpp>
#include <eddy/call_later.hpp>
#include <eddy/clock.hpp>
#include <eddy/interval.hpp>
#include <eddy/net/server.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/run.hpp>
#include <eddy/scope.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/time.hpp>
#include <eddy/with_scope.hpp>

// Every function that takes a time, with times at the ends of what there is: none comes early, none
// overflows, and what is over is over at once. At the virtual clock's zero, and late in its life.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Duration;
using eddy::Task;
using eddy::TimePoint;

constexpr Duration year = std::chrono::hours(24 * 365);
constexpr Duration longest = Duration::max();

/// None of them comes within a day.
constexpr Duration far[] = {std::chrono::milliseconds(INT_MAX),
                            std::chrono::milliseconds(INT64_C(1) + INT_MAX),
                            std::chrono::milliseconds(INT64_C(1) + UINT32_MAX),
                            100 * year,
                            291 * year,
                            longest - 1ns,
                            longest};
/// They are over when they are asked for.
constexpr Duration past[] = {0ns, -1ns, -1ms, -1s, -100 * year, -longest, Duration::min()};

Task<> sleeps(Duration time) { co_await eddy::sleep_for(time); }
Task<> sleeps_until(TimePoint when) { co_await eddy::sleep_until(when); }

class Bell final : public eddy::Alarm {
public:
    ~Bell() override { disarm(); }
    void set(TimePoint when) { arm(when); }
    bool rang = false;

private:
    void due() noexcept override { rang = true; }
};

Task<> far_times_do_not_come() {
    for (const Duration time : far) {
        const TimePoint begun = eddy::now();
        const TimePoint when = eddy::after(begun, time);
        CHECK(when > begun);
        int called = 0;
        Bell bell;
        bell.set(when);
        auto handle = eddy::call_later(time, [&called] { ++called; });
        eddy::Interval interval(time > year ? year : time);
        co_await interval.tick();
        // Deadlines in deadlines, and a shield that hides nothing.
        const bool slept = co_await eddy::move_on_after(24h, sleeps(time));
        const bool waited = co_await eddy::move_on_at(begun + 48h, sleeps_until(when));
        const bool moved = co_await eddy::move_on_after(time, sleeps(1h));
        co_await eddy::fail_after(time, eddy::shield(sleeps(1h)));
        co_await eddy::fail_at(when, sleeps(1h));
        CHECK_FALSE(slept);
        CHECK_FALSE(waited);
        CHECK(moved);
        CHECK(called == 0);
        CHECK_FALSE(bell.rang);
        CHECK(eddy::now() - begun == 51h);
        handle.cancel();
    }
}

Task<> past_times_are_over() {
    for (const Duration time : past) {
        const TimePoint begun = eddy::now();
        bool called = false;
        Bell bell;
        bell.set(eddy::after(begun, time));
        eddy::call_later(time, [&called] { called = true; });
        co_await eddy::sleep_for(time);
        co_await eddy::sleep_until(eddy::after(begun, time));
        const bool slept = co_await eddy::move_on_after(time, sleeps(1h));
        const bool waited = co_await eddy::move_on_at(eddy::after(begun, time), sleeps(1h));
        CHECK_FALSE(slept);
        CHECK_FALSE(waited);
        co_await settle();
        CHECK(called);
        CHECK(bell.rang);
        CHECK(eddy::now() == begun);
    }
    co_await eddy::sleep_until(TimePoint::min());
}

/// To the nanosecond, whatever is added to what.
Task<> times_in_between_are_exact() {
    for (const Duration time : {Duration(1ns), Duration(999'999ns), Duration(1'000'001ns)}) {
        const TimePoint begun = eddy::now();
        co_await eddy::sleep_for(time);
        CHECK(eddy::now() - begun == time);
        const bool slept = co_await eddy::move_on_after(time, sleeps(time + 1ns));
        CHECK_FALSE(slept);
        CHECK(eddy::now() - begun == 2 * time);
    }
}

}  // namespace

EDDY_TEST_CASE("whatever takes a time takes those that are too long to come") {
    co_await far_times_do_not_come();
    test_clock().advance(200 * year);  // there, most sums would overflow
    for (const Duration time : {100 * year, longest - 1ns, longest}) {
        CHECK(eddy::after(eddy::now(), time) > eddy::now());
        const bool slept = co_await eddy::move_on_after(24h, sleeps(time));
        CHECK_FALSE(slept);
        const bool moved = co_await eddy::move_on_after(time, sleeps(1h));
        CHECK(moved);
    }
}

EDDY_TEST_CASE("whatever takes a time takes those that are over") {
    co_await past_times_are_over();
    test_clock().advance(200 * year);
    co_await past_times_are_over();
}

EDDY_TEST_CASE("a time of a nanosecond is one, also centuries later") {
    co_await times_in_between_are_exact();
    test_clock().advance(200 * year);
    co_await times_in_between_are_exact();
}

EDDY_TEST_CASE("the timeouts of streams and servers take what is too long to come") {
    for (const Duration time : far) {
        eddy::Server server({.drain = time,
                             .unwind = time,
                             .silence = time,
                             .first_pause = time,
                             .longest_pause = time});
        server.drain(time);
        auto [one, other] = memory_stream_pair();
        eddy::TimedStream timed(std::move(one),
                                {.idle = time,
                                 .reading = {.bytes = 1, .per = time},
                                 .writing = {.bytes = 1, .per = time}});
        std::array<std::byte, 1> buffer{};
        const auto begun = eddy::now();
        const auto got = co_await eddy::move_on_after(24h, timed.read_some(buffer));
        CHECK_FALSE(got);
        CHECK(eddy::now() - begun == 24h);
    }
}

TEST_CASE("the grace of a loop may be as long as time, or negative") {
    for (const Duration grace : {longest, longest - 1ns, 100 * year, Duration::min(), -1ns, 0ns}) {
        VirtualClock clock;
        bool ended = false;
        eddy::run(
            [](bool& out) -> Task<> {
                eddy::spawn(
                    [](bool& inner) -> Task<> {
                        try {
                            co_await eddy::sleep_forever();
                        } catch (const eddy::Cancelled&) {
                            inner = true;
                            throw;
                        }
                    },
                    std::ref(out))
                    .detach();
                co_await eddy::sleep_for(1s);
            }(ended),
            {.grace = grace},
            {.clock = &clock});
        CHECK(ended);
    }
}
