// SPDX-License-Identifier: MIT
// A call that never ends while its loop does, in virtual time, which stands still for it.
#include <chrono>
#include <string>

#include <doctest/doctest.h>

#include <eddy/loop.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/thread_pool.hpp>

#include "offload_kit.hpp"

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

TEST_CASE("a loop in virtual time does not wait for ever for a call that does not end") {
    ThreadPool pool({.threads = 1});
    HeldCall call;
    VirtualClock clock;
    RecordingObserver observer;
    const auto start = std::chrono::steady_clock::now();
    {
        Loop loop({.clock = &clock, .observer = &observer});
        loop.run(
            [](ThreadPool& threads, HeldCall& held) -> Task<> {
                eddy::spawn(
                    [](ThreadPool& t, HeldCall& h) -> Task<> {
                        co_await run_in_executor(t, [&h] { h(); });
                    }(threads, held),
                    {.name = "patient"});
                co_await rounds();
                held.wait_until_it_runs();
            }(pool, call),
            {.grace = 1ms});
    }
    const auto time = std::chrono::steady_clock::now() - start;
    CHECK(time >= 100ms);
    CHECK(time < 10s);
    REQUIRE(observer.abandoned.size() == 1);
    CHECK(observer.abandoned[0].find("patient") != std::string::npos);
    CHECK(observer.abandoned[0].find("real_grace_test.cpp") != std::string::npos);
    call.let_go();
}

TEST_CASE("a call that ends in the grace's real time is waited for") {
    ThreadPool pool({.threads = 1});
    VirtualClock clock;
    RecordingObserver observer;
    int result = 0;
    HeldCall call;
    Loop loop({.clock = &clock, .observer = &observer});
    loop.run(
        [](ThreadPool& threads, HeldCall& held, int& out) -> Task<> {
            eddy::spawn([](ThreadPool& t, HeldCall& h, int& value) -> Task<> {
                value = co_await run_in_executor(t, [&h] { return h(); });
            }(threads, held, out));
            co_await rounds();
            held.wait_until_it_runs();
            held.let_go();
        }(pool, call, result),
        {.grace = 1min});
    CHECK(result == 42);
    CHECK(observer.abandoned.empty());
    CHECK(clock.now().time_since_epoch() == 0s);
}
