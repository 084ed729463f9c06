// SPDX-License-Identifier: MIT
// An await that fails at once spends budget like one that succeeds at once: a loop around a `catch`
// cannot hold the thread.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/detach_on_cancel.hpp>
#include <eddy/detail/turn.hpp>
#include <eddy/error.hpp>
#include <eddy/interval.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "worked_clock.hpp"

using namespace std::chrono_literals;
using eddy::Task;
using eddy::detail::Turn;
using eddy::testing::Gate;
using eddy::testing::settle;
using eddy::testing::WorkedClock;

namespace {

/// Fails, with a number that counts, when it is tried or when it is started.
class Failing final : public eddy::Waiter {
public:
    Failing(int& count, bool when_started) : count_(count), when_started_(when_started) {}

    [[nodiscard]] bool try_now() {
        if (!when_started_) {
            fail();
        }
        return false;
    }
    void start() { fail(); }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "Failing"; }

private:
    void unlink() noexcept override {}
    void fail() { throw std::runtime_error(std::to_string(++count_)); }

    int& count_;
    bool when_started_;
};

/// One budget; two, where a random order lets a job run at the end of a round and first in the
/// next.
constexpr std::size_t once = 2 * Turn::budget;

/// Awaits what `await` does until `stop`, whatever it throws. How often it ran in one go, at most.
template <class F>
Task<std::size_t> longest_run(F await, std::size_t& steps_of_others, bool& stop) {
    std::size_t longest = 0;
    std::size_t now = 0;
    std::size_t seen = steps_of_others;
    while (!stop) {
        bool threw = false;
        try {
            co_await await();
        } catch (...) {
            threw = true;
        }
        CHECK(threw);
        now = seen == steps_of_others ? now + 1 : 1;
        seen = steps_of_others;
        longest = std::max(longest, now);
        if (now > 1'000) {
            break;
        }
    }
    co_return longest;
}

/// The same, beside a job that yields a few times and then says stop.
template <class F>
Task<std::size_t> beside_a_yielding_job(F await) {
    std::size_t steps = 0;
    bool stop = false;
    auto other = eddy::spawn(
        [](std::size_t& mine, bool& over) -> Task<> {
            while (++mine < 10) {
                co_await eddy::yield();
            }
            over = true;
        },
        std::ref(steps),
        std::ref(stop));
    const std::size_t longest = co_await longest_run(std::move(await), steps, stop);
    co_await eddy::shield([](eddy::JoinHandle<void>& job) -> Task<> { co_await job; }(other));
    co_return longest;
}

/// Inside a scope that is cancelled.
template <class F>
Task<std::size_t> when_cancelled(F await) {
    eddy::CancelScope scope;
    std::size_t longest = 0;
    co_await eddy::with_scope(
        scope,
        [](eddy::CancelScope& s, F& fn, std::size_t& out) -> Task<> {
            s.cancel("for ever");
            out = co_await beside_a_yielding_job(std::move(fn));
        },
        std::ref(scope),
        std::ref(await),
        std::ref(longest));
    co_return longest;
}

}  // namespace

EDDY_TEST_CASE("an await that throws when it is tried lets others run after 128 times") {
    int count = 0;
    const std::size_t longest =
        co_await beside_a_yielding_job([&count] { return Failing(count, false); });
    CHECK(longest <= once);
}

EDDY_TEST_CASE("an await that throws when it is started lets others run after 128 times") {
    int count = 0;
    const std::size_t longest =
        co_await beside_a_yielding_job([&count] { return Failing(count, true); });
    CHECK(longest <= once);
}

EDDY_TEST_CASE("what the last unit of a budget throws is what was thrown, once, after the others") {
    for (const bool when_started : {false, true}) {
        int count = 0;
        for (int i = 1; i <= 1'000; ++i) {
            std::string what;
            try {
                co_await Failing(count, when_started);
            } catch (const std::runtime_error& error) {
                what = error.what();
            }
            CHECK(what == std::to_string(i));
        }
        CHECK(count == 1'000);
    }
}

EDDY_TEST_CASE("in a cancelled scope, nothing that is awaited for ever holds up the others") {
    Gate never;
    Gate open;
    open.open();
    eddy::Interval interval(1h);
    co_await interval.tick();
    const std::size_t sleeps = co_await when_cancelled([] { return eddy::sleep_for(1ms); });
    CHECK(sleeps <= once);
    const std::size_t yields = co_await when_cancelled([] { return eddy::yield(); });
    CHECK(yields <= once);
    const std::size_t checks = co_await when_cancelled([] { return eddy::checkpoint(); });
    CHECK(checks <= once);
    const std::size_t waits = co_await when_cancelled([&never] { return never.wait(); });
    CHECK(waits <= once);
    const std::size_t ready = co_await when_cancelled([&open] { return open.wait(); });
    CHECK(ready <= once);
    const std::size_t ticks = co_await when_cancelled([&interval] { return interval.tick(); });
    CHECK(ticks <= once);
    const std::size_t detached = co_await when_cancelled(
        [] { return eddy::detach_on_cancel([]() -> Task<> { co_return; }); });
    CHECK(detached <= once);
}

EDDY_TEST_CASE("a cancelled job that waits for its turn to fail can be cancelled again") {
    Gate never;
    auto job = eddy::spawn(
        [](Gate& gate) -> Task<> {
            eddy::CancelScope scope;
            co_await eddy::with_scope(
                scope,
                [](eddy::CancelScope& s, Gate& g) -> Task<> {
                    s.cancel();
                    for (int i = 0; i < Turn::budget; ++i) {
                        try {
                            co_await g.wait();
                        } catch (const eddy::Cancelled&) {
                        }
                    }
                },
                std::ref(scope),
                std::ref(gate));
            co_await gate.wait();
        },
        std::ref(never));
    co_await eddy::yield();
    job.cancel("while it is ready");
    co_await settle();
    CHECK(job.state() == eddy::JobState::cancelled);
}

TEST_CASE("a job that swallows its cancellation for ever is ended by the grace, and reported") {
    WorkedClock clock;
    eddy::testing::RecordingObserver observer;
    std::size_t swallowed = 0;
    const auto main = [&]() -> Task<> {
        eddy::spawn(
            [](WorkedClock& c, std::size_t& count) -> Task<> {
                while (true) {
                    c.work(100us);
                    try {
                        co_await eddy::sleep_for(1ms);
                    } catch (...) {
                        ++count;
                    }
                }
            },
            std::ref(clock),
            std::ref(swallowed));
        eddy::Loop::current().cancel("over");
        co_return;
    };
    eddy::run(main(), {.grace = 50ms}, {.clock = &clock, .observer = &observer});
    CHECK(swallowed >= 400);
    CHECK(swallowed <= 1'300);  // 50 ms, 30 to clean up, and to the end of a step
    CHECK(observer.abandoned.size() == 1);
}
