// SPDX-License-Identifier: MIT
#include <eddy/testing/virtual_clock.hpp>

#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::testing::Gate;
using eddy::testing::HoldTime;
using eddy::testing::settle;
using eddy::testing::test_clock;
using eddy::testing::VirtualClock;

eddy::Duration elapsed() { return eddy::now().time_since_epoch(); }

eddy::Task<> sleeps(eddy::Duration delay) { co_await eddy::sleep_for(delay); }
eddy::Task<> opens_after(Gate& gate, eddy::Duration delay) {
    co_await eddy::sleep_for(delay);
    gate.open();
}

/// Opens a gate of its loop from a thread, some rounds of the loop later.
void open_from_thread(Gate& gate, int rounds) {
    const eddy::LoopHandle loop = eddy::Loop::current().handle();
    std::thread([loop, &gate, rounds] {
        struct Relay {
            eddy::LoopHandle to;
            Gate& target;
            int left;
            void operator()() const {
                if (left == 0) {
                    target.open();
                } else {
                    CHECK(to.post(Relay{to, target, left - 1}));
                }
            }
        };
        CHECK(loop.post(Relay{loop, gate, rounds}));
    }).detach();
}

}  // namespace

EDDY_TEST_CASE("virtual time starts at zero and jumps exactly to the next deadline") {
    CHECK(elapsed() == 0ns);
    co_await eddy::sleep_for(1ns);
    CHECK(elapsed() == 1ns);
    eddy::spawn(sleeps(1h));
    co_await eddy::sleep_for(5min);
    CHECK(elapsed() == 5min + 1ns);
    co_await eddy::sleep_until(eddy::TimePoint(24h));
    CHECK(elapsed() == 24h);
    co_await eddy::sleep_until(eddy::TimePoint(1h));
    CHECK(elapsed() == 24h);
}

EDDY_TEST_CASE("time stands still while any job is ready") {
    eddy::JoinHandle<void> sleeper = eddy::spawn(sleeps(1ns));
    for (int i = 0; i < 1'000; ++i) {
        co_await eddy::yield();
    }
    CHECK_FALSE(sleeper.done());
    CHECK(elapsed() == 0ns);
    co_await sleeper;
    CHECK(elapsed() == 1ns);
}

EDDY_TEST_CASE("time stands still while functions are posted") {
    struct Chain {
        eddy::Loop& loop;
        int& left;
        void operator()() const {
            CHECK(elapsed() == 0ns);
            if (--left > 0) {
                CHECK(loop.post(*this));
            }
        }
    };
    int left = 100;
    CHECK(eddy::Loop::current().post(Chain{eddy::Loop::current(), left}));
    co_await eddy::sleep_for(1h);
    CHECK(left == 0);
}

EDDY_TEST_CASE("time stands still, and settle waits, while it is held") {
    Gate gate;
    bool settled = false;
    eddy::JoinHandle<void> sleeper = eddy::spawn(sleeps(1h));
    eddy::JoinHandle<void> settler = eddy::spawn(
        [](bool& flag) -> eddy::Task<> {
            co_await settle();
            flag = true;
        },
        std::ref(settled));
    {
        const HoldTime hold;
        open_from_thread(gate, 20);
        co_await gate.wait();
        CHECK(elapsed() == 0ns);
        CHECK_FALSE(settled);
        CHECK_FALSE(sleeper.done());
    }
    co_await settler;
    CHECK(elapsed() == 0ns);
    co_await sleeper;
    CHECK(elapsed() == 1h);
}

EDDY_TEST_CASE("two holds hold until both are gone") {
    eddy::JoinHandle<void> sleeper = eddy::spawn(sleeps(1s));
    const HoldTime outer;
    {
        const HoldTime inner;
        co_await eddy::yield();
    }
    Gate gate;
    open_from_thread(gate, 5);
    co_await gate.wait();
    CHECK_FALSE(sleeper.done());
    CHECK(elapsed() == 0ns);
}

EDDY_TEST_CASE("advance makes due what lies behind, in the next turn") {
    eddy::JoinHandle<void> first = eddy::spawn(sleeps(1s));
    eddy::JoinHandle<void> second = eddy::spawn(sleeps(2s));
    co_await settle();
    test_clock().advance(1500ms);
    CHECK_FALSE(first.done());
    co_await settle();
    CHECK(first.done());
    CHECK_FALSE(second.done());
    CHECK(elapsed() == 1500ms);
    test_clock().advance(eddy::Duration::max());
    CHECK(eddy::now() == eddy::TimePoint::max());
}

TEST_CASE("no clock goes backwards") {
    VirtualClock clock;
    clock.advance(1s);
    for (const eddy::Duration back :
         {eddy::Duration(-3ms), eddy::Duration(-1ns), eddy::Duration::min()}) {
        CHECK_THROWS_AS(clock.advance(back), std::invalid_argument);
        CHECK(clock.now().time_since_epoch() == 1s);
    }
    clock.advance(0s);
    CHECK(clock.idle(eddy::TimePoint(500ms)));
    CHECK(clock.now().time_since_epoch() == 1s);
    clock.advance(eddy::Duration::max());
    CHECK(clock.now() == eddy::never);
}

TEST_CASE("without autojump only advance moves the clock") {
    VirtualClock clock(VirtualClock::Autojump::off);
    const auto main = [&]() -> eddy::Task<> {
        Gate gate;
        eddy::spawn(opens_after(gate, 1h));
        co_await settle();
        CHECK(elapsed() == 0ns);
        CHECK_FALSE(gate.is_open());
        clock.advance(59min);
        co_await settle();
        CHECK_FALSE(gate.is_open());
        clock.advance(1min);
        co_await gate.wait();  // nothing else is ready: the loop itself finds it due
        CHECK(elapsed() == 1h);
    };
    eddy::run(main(), {}, {.clock = &clock});
}

TEST_CASE("without autojump a posted function may move the clock of a loop that waits") {
    VirtualClock clock(VirtualClock::Autojump::off);
    const auto main = [&]() -> eddy::Task<> {
        const eddy::LoopHandle loop = eddy::Loop::current().handle();
        std::thread mover([loop, &clock] { CHECK(loop.post([&clock] { clock.advance(1h); })); });
        co_await eddy::sleep_for(1h);
        mover.join();
        CHECK(elapsed() == 1h);
    };
    eddy::run(main(), {}, {.clock = &clock});
}

EDDY_TEST_CASE("deadlines of scopes are jumped to like sleeps") {
    const bool done = co_await eddy::move_on_after(90s, sleeps(24h));
    CHECK_FALSE(done);
    CHECK(elapsed() == 90s);
}

TEST_CASE("a clock may serve one loop after the other, and goes on") {
    VirtualClock clock;
    eddy::run(sleeps(1h), {}, {.clock = &clock});
    eddy::run(sleeps(1h), {}, {.clock = &clock});
    CHECK(clock.now().time_since_epoch() == 2h);
}

TEST_CASE("holding time outside a loop is InvalidState") {
    CHECK_THROWS_AS(HoldTime(), eddy::InvalidState);
}
