// SPDX-License-Identifier: MIT
#include <eddy/call_later.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/time.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::call_at;
using eddy::call_later;
using eddy::sleep_for;
using eddy::Task;
using eddy::TimerHandle;

}  // namespace

EDDY_TEST_CASE("a function is called when its time has come, never before") {
    const eddy::TimePoint start = eddy::now();
    eddy::TimePoint called{};
    const TimerHandle timer = call_later(1s, [&called] { called = eddy::now(); });
    CHECK(timer.pending());
    co_await sleep_for(999ms);
    CHECK(timer.pending());
    co_await sleep_for(2ms);
    CHECK_FALSE(timer.pending());
    CHECK(called - start == 1s);
}

EDDY_TEST_CASE("a delay that is not positive calls soon, but not inside the call") {
    std::vector<int> calls;
    call_later(0s, [&calls] { calls.push_back(1); });
    call_later(-1h, [&calls] { calls.push_back(2); });
    call_at(eddy::now() - 1h, [&calls] { calls.push_back(3); });
    CHECK(calls.empty());
    co_await sleep_for(1ns);
    CHECK(calls.size() == 3);
}

EDDY_TEST_CASE("calls come by time, then by order of registration") {
    std::vector<int> calls;
    for (const int value : {2, 3, 1, 4}) {
        call_later(value * 1ms, [&calls, value] { calls.push_back(value); });
    }
    call_later(2ms, [&calls] { calls.push_back(20); });
    co_await sleep_for(10ms);
    CHECK(calls == std::vector<int>{1, 2, 20, 3, 4});
}

EDDY_TEST_CASE("a cancelled call does not come, and its function goes at once") {
    bool called = false;
    auto kept = std::make_shared<int>(1);
    TimerHandle timer =
        call_later(1s, [&called](const std::shared_ptr<int>&) { called = true; }, kept);
    CHECK(kept.use_count() == 2);
    CHECK(timer.cancel());
    CHECK(kept.use_count() == 1);
    CHECK_FALSE(timer.pending());
    CHECK_FALSE(timer.cancel());
    co_await sleep_for(2s);
    CHECK_FALSE(called);
}

EDDY_TEST_CASE("dropping the handle does not cancel") {
    bool called = false;
    {
        const TimerHandle dropped = call_later(1s, [&called] { called = true; });
    }
    co_await sleep_for(2s);
    CHECK(called);
}

EDDY_TEST_CASE("one call can cancel another that is due at the same time") {
    bool called = false;
    TimerHandle second;
    call_later(1s, [&second] { CHECK(second.cancel()); });
    second = call_later(1s, [&called] { called = true; });
    co_await sleep_for(2s);
    CHECK_FALSE(called);
}

EDDY_TEST_CASE("a call cannot cancel itself, and is not pending while it runs") {
    TimerHandle timer;
    bool called = false;
    timer = call_later(1s, [&] {
        called = true;
        CHECK_FALSE(timer.pending());
        CHECK_FALSE(timer.cancel());
    });
    co_await sleep_for(2s);
    CHECK(called);
}

EDDY_TEST_CASE("a call can plan the next one, which gives the jobs a turn in between") {
    int calls = 0;
    struct Again {
        int& count;
        void operator()() const {
            if (++count < 1'000) {
                call_later(0s, Again{count});
            }
        }
    };
    call_later(0s, Again{calls});
    for (int i = 0; i < 10; ++i) {
        co_await eddy::yield();
    }
    CHECK(calls < 100);
    co_await sleep_for(1ns);
    CHECK(calls >= 1);
    while (calls < 1'000) {
        co_await eddy::yield();
    }
}

EDDY_TEST_CASE("what a call throws goes to the observer, and the others are called") {
    auto& failures = eddy::testing::expected_failures();
    bool called = false;
    call_later(1s, [] { throw std::runtime_error("in a timer"); });
    call_later(1s, [&called] { called = true; });
    co_await sleep_for(2s);
    CHECK(called);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "in a timer");
}

EDDY_TEST_CASE("a call runs outside any job, and may wake and start jobs") {
    eddy::testing::Gate gate;
    call_later(1s, [&gate] {
        eddy::spawn(
            [](eddy::testing::Gate& opened) -> Task<> {
                opened.open();
                co_return;
            },
            std::ref(gate))
            .detach();
    });
    co_await gate.wait();
}

EDDY_TEST_CASE("a call that never comes is pending until it is cancelled") {
    TimerHandle timer = call_at(eddy::never, [] { FAIL("called"); });
    co_await sleep_for(24h);
    CHECK(timer.pending());
    CHECK(timer.cancel());
}

EDDY_TEST_CASE("a timer cannot be cancelled from another thread") {
    TimerHandle timer = call_later(1s, [] {});
    std::thread([&timer] { CHECK_THROWS_AS(timer.cancel(), eddy::WrongThread); }).join();
    CHECK(timer.pending());
    timer.cancel();
    co_return;
}

TEST_CASE("an empty handle is not pending and has nothing to cancel") {
    TimerHandle timer;
    CHECK_FALSE(timer.pending());
    CHECK_FALSE(timer.cancel());
}

TEST_CASE("calls that are pending when the loop ends are dropped uncalled") {
    auto kept = std::make_shared<int>(1);
    TimerHandle timers[3];
    eddy::run([](std::shared_ptr<int>& shared, TimerHandle* out) -> Task<> {
        const auto never_called = [](const std::shared_ptr<int>&) { FAIL("called"); };
        out[0] = call_later(1h, never_called, shared);
        out[1] = call_at(eddy::never, never_called, shared);
        out[2] = call_later(2h, never_called, shared);
        co_return;
    }(kept, timers));
    for (TimerHandle& timer : timers) {
        CHECK_FALSE(timer.pending());
        CHECK_FALSE(timer.cancel());
    }
    CHECK(kept.use_count() == 1);
}

TEST_CASE("a call cannot be planned outside a loop, or when the loop is ending") {
    CHECK_THROWS_AS(call_later(1s, [] {}), eddy::InvalidState);
    eddy::testing::RecordingObserver observer;
    eddy::Loop loop({.observer = &observer});
    bool refused = false;
    struct AtTheEnd {
        eddy::Loop& loop;
        bool& refused;
        ~AtTheEnd() {
            static_cast<void>(loop.post([&flag = refused] {
                try {
                    call_later(1s, [] {});
                } catch (const eddy::LoopClosed&) {
                    flag = true;
                }
            }));
        }
    };
    loop.run([](eddy::Loop& inner, bool& flag) -> Task<> {
        auto keep = std::make_shared<AtTheEnd>(inner, flag);
        call_later(1h, [](const std::shared_ptr<AtTheEnd>&) {}, std::move(keep));
        co_return;
    }(loop, refused));
    CHECK(refused);
    CHECK(observer.failures.empty());
}

EDDY_TEST_CASE("a temporary closure may keep what it likes: nobody awaits the call") {
    std::string said;
    call_later(1ms, [text = std::string("a text that is longer than any small one"), &said] {
        said = text;
    });
    co_await sleep_for(2ms);
    CHECK(said == "a text that is longer than any small one");
}
