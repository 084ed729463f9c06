// SPDX-License-Identifier: MIT
// A turn of the loop is bounded by work: whatever jobs do, others are late by a few steps.
#include <eddy/detail/turn.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/interval.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/yield.hpp>

#include "worked_clock.hpp"

using namespace std::chrono_literals;
using eddy::Duration;
using eddy::Task;
using eddy::TaskGroup;
using eddy::TimePoint;
using eddy::detail::Turn;
using eddy::testing::Gate;
using eddy::testing::WorkedClock;

namespace {

/// A job that wants to run every millisecond. Ends after so many times, and takes the group along.
Task<> ticks(TaskGroup& group, WorkedClock& clock, int times, Duration& latest) {
    TimePoint next = eddy::now();
    for (int i = 0; i < times; ++i) {
        next = std::max(next + 1ms, clock.now());
        co_await eddy::sleep_until(next);
        latest = std::max(latest, clock.now() - next);
    }
    group.cancel("seen enough");
}

Task<> works_and_yields(WorkedClock& clock, Duration step) {
    while (true) {
        clock.work(step);
        co_await eddy::yield();
    }
}

/// How late a tick gets beside what `load` spawns into the group.
Duration lateness_beside(const std::function<void(TaskGroup&, WorkedClock&)>& load,
                         Duration quota = 500us) {
    WorkedClock clock;
    Duration latest{};
    const auto main = [&]() -> Task<> {
        co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
            load(group, clock);
            group.spawn(ticks(group, clock, 50, latest));
            co_return;
        });
    };
    eddy::run(main(), {}, {.clock = &clock, .turn_quota = quota});
    return latest;
}

}  // namespace

TEST_CASE("a timer beside a job that computes a millisecond and yields is late by that step") {
    const Duration late = lateness_beside(
        [](TaskGroup& group, WorkedClock& clock) { group.spawn(works_and_yields(clock, 1ms)); });
    CHECK(late <= 1ms);
}

TEST_CASE("a timer beside a thousand jobs that yield is late by a turn, the first one too") {
    const Duration late = lateness_beside([](TaskGroup& group, WorkedClock& clock) {
        for (int i = 0; i < 1'000; ++i) {
            group.spawn(works_and_yields(clock, 50us));
        }
    });
    CHECK(late <= 600us);
}

TEST_CASE("without a quota, only the count holds") {
    const Duration late = lateness_beside(
        [](TaskGroup& group, WorkedClock& clock) { group.spawn(works_and_yields(clock, 10us)); },
        Duration::max());
    CHECK(late > 1ms);
    CHECK(late <= Turn::whole * 10us + 10us);
}

TEST_CASE("with a quota of zero, each turn is one job") {
    const Duration late = lateness_beside(
        [](TaskGroup& group, WorkedClock& clock) {
            for (int i = 0; i < 100; ++i) {
                group.spawn(works_and_yields(clock, 50us));
            }
        },
        0ns);
    CHECK(late <= 100us);
}

TEST_CASE("operations that finish at once make others wait for one budget, not for 256 of them") {
    const Duration late = lateness_beside([](TaskGroup& group, WorkedClock& clock) {
        group.spawn(
            [](WorkedClock& c) -> Task<> {
                Gate open;
                open.open();
                while (true) {
                    c.work(5us);
                    co_await open.wait();
                }
            },
            std::ref(clock));
    });
    CHECK(late <= Turn::budget * 5us);
}

TEST_CASE("jobs that wake each other for ever hold up a timer for a turn") {
    const Duration late = lateness_beside([](TaskGroup& group, WorkedClock& clock) {
        group.spawn(
            [](WorkedClock& c) -> Task<> {
                while (true) {
                    co_await eddy::with_task_group([&c](TaskGroup& inner) -> Task<> {
                        Gate gate;
                        inner.spawn([](Gate& g) -> Task<> { co_await g.wait(); }, std::ref(gate));
                        co_await eddy::yield();
                        c.work(20us);
                        gate.open();
                    });
                }
            },
            std::ref(clock));
    });
    CHECK(late <= 600us);
}

TEST_CASE("a job that spawns without end holds up nobody, if it yields") {
    const Duration late = lateness_beside([](TaskGroup& group, WorkedClock& clock) {
        group.spawn(
            [](TaskGroup& g, WorkedClock& c) -> Task<> {
                while (true) {
                    for (int i = 0; i < 100; ++i) {
                        g.spawn(
                            [](WorkedClock& mine) -> Task<> {
                                mine.work(5us);
                                co_return;
                            },
                            std::ref(c));
                    }
                    co_await eddy::yield();
                }
            },
            std::ref(group),
            std::ref(clock));
    });
    CHECK(late <= 600us);
}

TEST_CASE("a hundred thousand posted functions let deadlines and jobs in between") {
    WorkedClock clock;
    Duration latest{};
    std::size_t delivered = 0;
    std::size_t rounds = 0;
    const auto main = [&]() -> Task<> {
        co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
            for (int i = 0; i < 100'000; ++i) {
                REQUIRE(eddy::Loop::current().post([&] {
                    clock.work(4us);
                    ++delivered;
                }));
            }
            group.spawn(
                [](std::size_t& seen) -> Task<> {
                    while (true) {
                        ++seen;
                        co_await eddy::yield();
                    }
                },
                std::ref(rounds));
            group.spawn(ticks(group, clock, 100, latest));
            co_return;
        });
        CHECK(delivered > 20'000);
        CHECK(delivered < 100'000);
    };
    eddy::run(main(), {}, {.clock = &clock});
    CHECK(latest <= 600us);
    CHECK(rounds >= 200);
    CHECK(delivered == 100'000);  // accepted is delivered
}

TEST_CASE("twenty thousand calls that are due let deadlines and jobs in between") {
    WorkedClock clock;
    Duration latest{};
    std::size_t called = 0;
    std::size_t rounds = 0;
    const auto main = [&]() -> Task<> {
        co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
            for (int i = 0; i < 20'000; ++i) {
                eddy::call_later(0ns, [&] {
                    clock.work(4us);
                    ++called;
                });
            }
            group.spawn(
                [](std::size_t& seen) -> Task<> {
                    while (true) {
                        ++seen;
                        co_await eddy::yield();
                    }
                },
                std::ref(rounds));
            group.spawn(ticks(group, clock, 50, latest));
            co_return;
        });
    };
    eddy::run(main(), {}, {.clock = &clock});
    CHECK(latest <= 600us);
    CHECK(rounds >= 100);
    CHECK(called >= 5'000);
    CHECK(called < 20'000);  // what is pending when the loop ends is dropped
}

TEST_CASE("neither posts nor callbacks starve the other") {
    WorkedClock clock;
    std::size_t posts = 0;
    std::size_t calls = 0;
    bool over = false;
    std::function<void()> post_again = [&] {
        clock.work(100us);
        ++posts;
        for (int i = 0; i < 2 && !over; ++i) {
            static_cast<void>(eddy::Loop::current().post(post_again));
        }
    };
    std::function<void()> call_again = [&] {
        clock.work(100us);
        ++calls;
        if (!over) {
            eddy::call_later(0ns, call_again);
        }
    };
    const auto main = [&]() -> Task<> {
        post_again();
        call_again();
        for (int i = 0; i < 100 * int{Turn::whole}; ++i) {
            co_await eddy::yield();
        }
        CHECK(posts >= 20);
        CHECK(calls >= 20);
        over = true;
    };
    eddy::run(main(), {}, {.clock = &clock});
}

EDDY_TEST_CASE_FIFO("a thousand deadlines due at once come in turns, jobs in between") {
    std::size_t woken = 0;
    std::size_t most_at_once = 0;
    std::size_t last = 0;
    const TimePoint when = eddy::now() + 1s;
    co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
        for (int i = 0; i < 1'000; ++i) {
            eddy::call_at(when, [&] { ++woken; });
        }
        group.spawn([&]() -> Task<> {
            co_await eddy::sleep_until(when - 1ns);
            while (woken != 1'000) {
                most_at_once = std::max(most_at_once, woken - last);
                last = woken;
                eddy::testing::test_clock().advance(1ns);
                co_await eddy::yield();
            }
        });
        co_return;
    });
    CHECK(most_at_once > 0);
    CHECK(most_at_once <= Turn::half);
}

// --- who goes first ----------------------------------------------------------------------------

namespace {

using Log = std::vector<std::string>;

Task<> says(Log& log, std::string what) {
    log.push_back(std::move(what));
    co_return;
}
Task<> says_when_open(Gate& gate, Log& log, std::string what) {
    co_await gate.wait();
    log.push_back(std::move(what));
}

}  // namespace

EDDY_TEST_CASE_FIFO("the woken go before those that yielded or were just spawned") {
    Log log;
    Gate gate;
    co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
        group.spawn(says_when_open(gate, log, "woken 1"));
        group.spawn(says_when_open(gate, log, "woken 2"));
        co_await eddy::testing::settle();
        group.spawn(says(log, "spawned"));
        group.spawn([&]() -> Task<> {
            gate.open();
            co_await eddy::yield();
            log.emplace_back("yielded");
        });
        co_return;
    });
    const Log expected = {"spawned", "woken 1", "woken 2", "yielded"};
    CHECK(log == expected);
}

EDDY_TEST_CASE_FIFO(
    "yield goes behind everybody who was woken before it, in every part of a turn") {
    for (int i = 0; i < 1'000; ++i) {
        Log log;
        Gate gate;
        co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
            for (const char* name : {"a", "b", "c", "d", "e"}) {
                group.spawn(says_when_open(gate, log, name));
            }
            co_await eddy::yield();
            gate.open();
            co_await eddy::yield();
            log.emplace_back("yielded");
        });
        const Log expected = {"a", "b", "c", "d", "e", "yielded"};
        if (log != expected) {
            CHECK(log == expected);
            break;
        }
    }
    CHECK(true);
}

namespace {

/// Two of these wake each other for ever: each waits for the other's gate.
class Relay final {
public:
    Task<> run(int me) {
        while (!over) {
            ++steps;
            Gate mine;
            waiting_[me] = &mine;
            if (Gate* const other = std::exchange(waiting_[1 - me], nullptr)) {
                other->open();
            }
            co_await mine.wait();
        }
    }
    void stop() {
        over = true;
        for (Gate* gate : waiting_) {
            if (gate != nullptr) {
                gate->open();
            }
        }
    }

    std::size_t steps = 0;
    bool over = false;

private:
    Gate* waiting_[2] = {nullptr, nullptr};
};

}  // namespace

EDDY_TEST_CASE_FIFO("jobs that wake each other leave a quarter of every turn to who yields") {
    Relay relay;
    std::size_t yields = 0;
    co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
        group.spawn([](Relay& r) -> Task<> { co_await r.run(0); }, std::ref(relay));
        group.spawn([](Relay& r) -> Task<> { co_await r.run(1); }, std::ref(relay));
        for (; yields < 1'000; ++yields) {
            co_await eddy::yield();
        }
        relay.stop();
    });
    CHECK(yields * 4 >= relay.steps);  // a quarter of all, about
    CHECK(relay.steps >= 2 * yields);  // and no more: the woken go first
}

TEST_CASE("steps longer than a turn starve neither the woken nor the willing") {
    WorkedClock clock;
    Relay relay;
    std::size_t yields = 0;
    const auto main = [&]() -> Task<> {
        co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
            for (int i : {0, 1}) {
                group.spawn(
                    [](Relay& r, WorkedClock& c, int me) -> Task<> {
                        c.work(1ms);
                        co_await r.run(me);
                    },
                    std::ref(relay),
                    std::ref(clock),
                    i);
            }
            for (; yields < 100; ++yields) {
                clock.work(1ms);
                co_await eddy::yield();
            }
            relay.stop();
        });
    };
    eddy::run(main(), {}, {.clock = &clock});
    CHECK(relay.steps >= 100);
    CHECK(yields == 100);
}

// --- the turn itself ---------------------------------------------------------------------------

TEST_CASE("when the outside has had its half of the time, the woken still go before the willing") {
    WorkedClock clock;
    Turn turn;
    turn.configure(&clock, 512us);
    turn.begin(clock.now());
    turn.limit(Turn::half);
    REQUIRE(turn.next());
    clock.work(300us);
    CHECK_FALSE(turn.next());
    turn.limit(Turn::whole);
    REQUIRE(turn.next());
    clock.work(10us);
    REQUIRE(turn.next());  // a look: 202 us are left
    CHECK_FALSE(turn.willing_first());
    clock.work(110us);
    while (!turn.must_look()) {
        turn.count();
    }
    REQUIRE(turn.next());
    CHECK(turn.willing_first());
}

TEST_CASE("a turn looks after 1, 2, 4 pieces, and after each one when time has ended the last") {
    WorkedClock clock;
    Turn turn;
    turn.configure(&clock, 500us);
    const auto pieces_until_over = [&](Duration each) {
        turn.begin(clock.now());
        turn.limit(Turn::whole);
        std::uint32_t pieces = 0;
        while (turn.next()) {
            clock.work(each);
            ++pieces;
        }
        return pieces;
    };
    for (int i = 0; i < 20; ++i) {
        CHECK(pieces_until_over(1us) == Turn::whole);
    }
    CHECK(pieces_until_over(600us) == 1);  // the first turn of a new load
    CHECK(pieces_until_over(100us) == 5);  // and from then on, each piece is looked at
    for (int i = 0; i < 20; ++i) {
        CHECK(pieces_until_over(1us) == Turn::whole);
    }
    CHECK(pieces_until_over(100us) == 8);  // 1, 2, 4, 8: again a new load
    CHECK(pieces_until_over(0us) == Turn::whole);
}

TEST_CASE("light turns that end by themselves look at the clock a few times, not at each piece") {
    WorkedClock clock;
    Turn turn;
    turn.configure(&clock, 500us);
    const auto looks_of = [&](int pieces, Duration each) {
        const TimePoint began = clock.now();
        const std::size_t before = clock.looks();
        turn.begin(began);
        turn.limit(Turn::whole);
        for (int i = 0; i < pieces && turn.next(); ++i) {
            clock.work(each);
        }
        return clock.looks() - before;
    };
    CHECK(looks_of(64, 0us) == 6);  // after 1, 2, 4, 8, 16, 32
    CHECK(looks_of(64, 1ms) == 1);
    CHECK(looks_of(64, 0us) == 63);  // careful
    for (int i = 0; i < 8; ++i) {
        static_cast<void>(looks_of(1, 0us));
    }
    CHECK(looks_of(64, 0us) == 6);
}

// --- what a turn does not see ------------------------------------------------------------------

EDDY_TEST_CASE_FIFO("neither yield nor a sleep of no time looks at the inbox; the next turn does") {
    bool arrived = false;
    REQUIRE(eddy::Loop::current().post([&arrived] { arrived = true; }));
    co_await eddy::yield();
    CHECK_FALSE(arrived);
    co_await eddy::sleep_for(0ns);
    CHECK_FALSE(arrived);
    co_await eddy::sleep_until(eddy::now() - 1s);
    CHECK_FALSE(arrived);
    for (std::uint32_t i = 0; i < Turn::whole && !arrived; ++i) {
        co_await eddy::yield();
    }
    CHECK(arrived);
}

// --- options -----------------------------------------------------------------------------------

TEST_CASE("a negative quota or resolution is refused") {
    CHECK_THROWS_AS(eddy::Loop({.turn_quota = -1ns}), std::invalid_argument);
    CHECK_THROWS_AS(eddy::Loop({.timer_resolution = -1ns}), std::invalid_argument);
}
