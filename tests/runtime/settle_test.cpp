// SPDX-License-Identifier: MIT
#include <eddy/testing/settle.hpp>

#include <chrono>
#include <functional>
#include <vector>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::testing::Gate;
using eddy::testing::settle;

eddy::Task<> yields(int times, int& done) {
    for (int i = 0; i < times; ++i) {
        co_await eddy::yield();
    }
    ++done;
}

eddy::Task<> passes(Gate& gate) { co_await gate.wait(); }
eddy::Task<> settles() { co_await settle(); }

}  // namespace

EDDY_TEST_CASE("settle waits until every other job waits or has ended") {
    int done = 0;
    Gate gate;
    for (int i = 0; i < 5; ++i) {
        eddy::spawn(yields(400, done));  // several turns
        eddy::spawn(passes(gate));
    }
    co_await settle();
    CHECK(done == 5);
    CHECK(gate.waiters() == 5);
    gate.open();
}

EDDY_TEST_CASE("settle goes before a jump of the clock") {
    eddy::JoinHandle<void> sleeper =
        eddy::spawn([](eddy::Duration d) -> eddy::Task<> { co_await eddy::sleep_for(d); }, 1ns);
    co_await settle();
    co_await settle();
    CHECK(eddy::now().time_since_epoch() == 0ns);
    CHECK_FALSE(sleeper.done());
}

EDDY_TEST_CASE("settle waits for posted functions and what they wake") {
    Gate gate;
    eddy::JoinHandle<void> waiter = eddy::spawn(passes(gate));
    CHECK(eddy::Loop::current().post([&gate] { gate.open(); }));
    co_await settle();
    CHECK(waiter.done());
}

EDDY_TEST_CASE("a job that is being cancelled counts as running") {
    eddy::JoinHandle<void> sleeper =
        eddy::spawn([]() -> eddy::Task<> { co_await eddy::sleep_forever(); });
    co_await settle();
    sleeper.cancel();
    CHECK_FALSE(sleeper.done());
    co_await settle();
    CHECK(sleeper.done());
}

EDDY_TEST_CASE("all who settle do so together") {
    std::vector<eddy::JoinHandle<void>> jobs;
    for (int i = 0; i < 4; ++i) {
        jobs.push_back(eddy::spawn(settles()));
    }
    co_await settle();
    co_await settle();
    for (const auto& job : jobs) {
        CHECK(job.done());
    }
}

EDDY_TEST_CASE("settle can be cancelled, and is a checkpoint") {
    eddy::CancelScope scope;
    scope.cancel();
    const bool before = co_await eddy::with_scope(scope, settles());
    CHECK_FALSE(before);

    eddy::JoinHandle<void> settler = eddy::spawn(settles());
    co_await eddy::yield();
    settler.cancel();
    co_await settler.wait();
    CHECK(settler.done());
}

TEST_CASE("settle works on a real clock, and does not wait for sleepers") {
    const auto main = []() -> eddy::Task<> {
        int done = 0;
        eddy::JoinHandle<void> sleeper =
            eddy::spawn([]() -> eddy::Task<> { co_await eddy::sleep_for(1h); });
        eddy::spawn(yields(300, done));
        co_await settle();
        CHECK(done == 1);
        CHECK_FALSE(sleeper.done());
    };
    eddy::run(main());
}
