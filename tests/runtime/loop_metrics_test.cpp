// SPDX-License-Identifier: MIT
#include <eddy/loop_metrics.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/yield.hpp>

using namespace std::chrono_literals;
using eddy::testing::test_clock;

EDDY_TEST_CASE("a loop that keeps up has no lag") {
    const eddy::LoopMetrics metrics;
    co_await eddy::sleep_for(100ms);
    CHECK(metrics.lag().count() >= 99);
    CHECK(metrics.lag().max() == 0);
}

EDDY_TEST_CASE("a step that blocks shows up in lag, with every probe that it delayed") {
    const eddy::LoopMetrics metrics;
    co_await eddy::sleep_for(10ms);
    const auto before = metrics.lag().count();
    test_clock().advance(50ms);  // as a long computation would
    co_await eddy::yield();
    co_await eddy::sleep_for(1ms);
    CHECK(metrics.lag().count() >= before + 50);
    CHECK(metrics.lag().max() >= 48'000'000);
    CHECK(metrics.lag().max() <= 50'000'000);
    CHECK(metrics.lag().percentile(50) >= 15'000'000);
    CHECK(metrics.step_time().max() == 50'000'000);
}

EDDY_TEST_CASE("poll time and ready depth are counted per poll") {
    const eddy::LoopMetrics metrics;
    for (int i = 0; i < 10; ++i) {
        co_await eddy::sleep_for(1ms);
    }
    CHECK(metrics.poll_time().count() >= 10);
    CHECK(metrics.ready_depth().count() == metrics.poll_time().count());
}

EDDY_TEST_CASE("reset starts again from nothing") {
    eddy::LoopMetrics metrics;
    co_await eddy::sleep_for(10ms);
    metrics.reset();
    CHECK(metrics.lag().count() == 0);
    co_await eddy::sleep_for(10ms);
    CHECK(metrics.lag().count() > 0);
}

EDDY_TEST_CASE("an interval below a microsecond is refused") {
    CHECK_THROWS_AS(eddy::LoopMetrics({.probe_interval = 0ns}), std::invalid_argument);
    co_return;
}

TEST_CASE("metrics outside a loop are refused, and those that outlive one stand still") {
    CHECK_THROWS_AS(eddy::LoopMetrics(), eddy::InvalidState);
    std::unique_ptr<eddy::LoopMetrics> metrics;
    eddy::testing::VirtualClock clock;
    eddy::Loop loop({.clock = &clock});
    loop.run([](std::unique_ptr<eddy::LoopMetrics>& out) -> eddy::Task<> {
        out = std::make_unique<eddy::LoopMetrics>();
        co_await eddy::sleep_for(5ms);
    }(metrics));
    CHECK(metrics->lag().count() >= 4);
}
