// SPDX-License-Identifier: MIT
#include <eddy/loop_metrics.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "attach_host.hpp"

using namespace std::chrono_literals;
using eddy::testing::Gate;
using eddy::testing::Host;
using eddy::testing::settle;
using eddy::testing::test_clock;
using eddy::testing::VirtualClock;

namespace {

/// Its probe leaves a test of less than an hour alone.
constexpr eddy::LoopMetricsOptions no_probe = {.probe_interval = 1h};

/// Opens a gate from outside, once the loop waits for nothing else.
class OpensInLongPoll final : public eddy::Observer {
public:
    explicit OpensInLongPoll(Gate& gate) : gate_(gate) {}

    [[nodiscard]] std::uint32_t hooks() const noexcept override { return polls; }
    void before_poll(eddy::Duration timeout) override {
        if (timeout == eddy::Duration::max()) {
            ++times;
            CHECK(loop_.post([&gate = gate_] { gate.open(); }));
        }
    }

    int times = 0;

private:
    Gate& gate_;
    eddy::LoopHandle loop_ = eddy::Loop::current().handle();
};

eddy::Task<> blocks_behind(Gate& gate, int& done) {
    co_await gate.wait();
    test_clock().advance(2ms);  // as a computation would
    ++done;
}

eddy::Task<> blocks_when_cancelled(eddy::Duration sleep, int& done) {
    try {
        co_await eddy::sleep_for(sleep);
    } catch (const eddy::Cancelled&) {
    }
    test_clock().advance(2ms);
    ++done;
}

/// Comes back when `done` is `count`, without a wake-up of its own.
eddy::Task<> until(const int& done, int count) {
    while (done != count) {
        co_await eddy::yield();
    }
}

/// Two jobs were woken together: one went first, the other waited for its 2 ms.
void check_one_behind_another(const eddy::LoopMetrics& metrics) {
    CHECK(metrics.schedule_latency().count() == 2);
    CHECK(metrics.schedule_latency().min() == 0);
    CHECK(metrics.schedule_latency().max() == 2'000'000);
}

}  // namespace

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

EDDY_TEST_CASE("a loop that was stopped for a day counts every probe, and goes on at once") {
    const eddy::LoopMetrics metrics({.probe_interval = 1us});
    const auto before = metrics.lag().count();
    test_clock().advance(24h);
    co_await eddy::yield();
    co_await eddy::sleep_for(1us);
    const std::uint64_t missed = metrics.lag().count() - before;
    CHECK(missed >= 86'400'000'000);
    CHECK(missed <= 86'400'000'010);
    CHECK(metrics.lag().max() >= 86'399'999'000'000);
    CHECK(metrics.lag().max() <= 86'400'000'000'000);
    CHECK(metrics.lag().mean() == doctest::Approx(43'200'000'000'000.0).epsilon(0.001));
}

EDDY_TEST_CASE("poll time and ready depth are counted per poll") {
    const eddy::LoopMetrics metrics;
    for (int i = 0; i < 10; ++i) {
        co_await eddy::sleep_for(1ms);
    }
    CHECK(metrics.poll_time().count() >= 10);
    CHECK(metrics.ready_depth().count() == metrics.poll_time().count());
}

EDDY_TEST_CASE("turn time is that of all steps between two polls") {
    const eddy::LoopMetrics metrics(no_probe);
    co_await eddy::sleep_for(10ms);
    CHECK(metrics.turn_time().count() == 0);  // the turn they began in is not whole
    test_clock().advance(1ms);
    co_await eddy::yield();
    test_clock().advance(2ms);
    co_await eddy::sleep_for(10ms);
    CHECK(metrics.turn_time().count() == 1);
    CHECK(metrics.turn_time().max() == 3'000'000);
}

EDDY_TEST_CASE("a turn is counted once, however often the loop polls after it") {
    const eddy::LoopMetrics metrics(no_probe);
    Gate gate;
    OpensInLongPoll opens(gate);
    eddy::Loop::current().add_observer(opens);
    co_await eddy::sleep_for(10ms);
    test_clock().advance(3ms);
    {
        const eddy::testing::HoldTime hold;
        co_await gate.wait();  // the loop only looks, and then waits for somebody outside
    }
    eddy::Loop::current().remove_observer(opens);
    CHECK(opens.times == 1);
    CHECK(metrics.turn_time().count() == 1);
    CHECK(metrics.turn_time().max() == 3'000'000);
}

EDDY_TEST_CASE("schedule latency of jobs that another job wakes") {
    const eddy::LoopMetrics metrics(no_probe);
    Gate gate;
    int done = 0;
    eddy::spawn(blocks_behind(gate, done));
    eddy::spawn(blocks_behind(gate, done));
    while (gate.waiters() != 2) {
        co_await eddy::yield();
    }
    gate.open();
    co_await until(done, 2);
    check_one_behind_another(metrics);
}

EDDY_TEST_CASE("schedule latency of jobs that a post wakes") {
    const eddy::LoopMetrics metrics(no_probe);
    Gate gate;
    int done = 0;
    eddy::spawn(blocks_behind(gate, done));
    eddy::spawn(blocks_behind(gate, done));
    while (gate.waiters() != 2) {
        co_await eddy::yield();
    }
    REQUIRE(eddy::Loop::current().post([&gate] { gate.open(); }));
    co_await until(done, 2);
    check_one_behind_another(metrics);
}

EDDY_TEST_CASE("schedule latency of jobs that a deadline wakes") {
    eddy::LoopMetrics metrics(no_probe);
    int done = 0;
    eddy::spawn(blocks_when_cancelled(10ms, done));
    eddy::spawn(blocks_when_cancelled(10ms, done));
    co_await settle();
    metrics.reset();
    test_clock().advance(10ms);
    co_await until(done, 2);
    check_one_behind_another(metrics);
}

EDDY_TEST_CASE("schedule latency of jobs that a cancellation wakes") {
    eddy::LoopMetrics metrics(no_probe);
    int done = 0;
    eddy::JoinHandle<void> first = eddy::spawn(blocks_when_cancelled(10min, done));
    eddy::JoinHandle<void> second = eddy::spawn(blocks_when_cancelled(10min, done));
    co_await settle();
    metrics.reset();
    first.cancel();
    second.cancel();
    co_await until(done, 2);
    check_one_behind_another(metrics);
}

EDDY_TEST_CASE("jobs that yield, use up their budget or were just spawned have no latency") {
    const eddy::LoopMetrics metrics(no_probe);
    Gate open;
    open.open();
    int done = 0;
    const auto job = [&](bool yields) -> eddy::Task<> {
        for (int i = 0; i < 1'000; ++i) {
            test_clock().advance(1us);
            if (yields) {
                co_await eddy::yield();
            } else {
                co_await open.wait();
            }
        }
        ++done;
    };
    eddy::spawn(job(true));
    eddy::spawn(job(false));
    const auto yielded = eddy::Loop::current().statistics().forced_yields;
    co_await until(done, 2);
    CHECK(eddy::Loop::current().statistics().forced_yields > yielded);
    CHECK(metrics.step_time().count() > 1'000);
    CHECK(metrics.schedule_latency().count() == 0);
}

EDDY_TEST_CASE("a job that was woken and then yields is counted once") {
    const eddy::LoopMetrics metrics(no_probe);
    Gate gate;
    int done = 0;
    const auto job = [&]() -> eddy::Task<> {
        co_await blocks_behind(gate, done);
        co_await eddy::yield();
        co_await eddy::yield();
        ++done;
    };
    eddy::spawn(job());
    while (gate.waiters() != 1) {
        co_await eddy::yield();
    }
    gate.open();
    test_clock().advance(5ms);
    co_await until(done, 2);
    CHECK(metrics.schedule_latency().count() == 1);
    CHECK(metrics.schedule_latency().max() == 5'000'000);
}

EDDY_TEST_CASE("a job that was ready before the metrics existed has no latency") {
    Gate first;
    Gate second;
    int done = 0;
    const auto job = [&]() -> eddy::Task<> {
        co_await first.wait();
        ++done;
        co_await second.wait();
        ++done;
    };
    test_clock().advance(1h);
    eddy::spawn(job());
    co_await settle();
    {
        const eddy::LoopMetrics earlier(no_probe);
        first.open();  // of this one they would know
    }
    co_await until(done, 1);
    test_clock().advance(1h);
    co_await settle();
    second.open();
    const eddy::LoopMetrics metrics(no_probe);
    co_await until(done, 2);
    CHECK(metrics.step_time().count() != 0);
    CHECK(metrics.schedule_latency().count() == 0);
}

EDDY_TEST_CASE("the step that metrics begin in, if others measure it, counts from then on") {
    const eddy::LoopMetrics first(no_probe);
    co_await eddy::sleep_for(1h);
    const eddy::LoopMetrics second(no_probe);
    test_clock().advance(2ms);
    co_await eddy::yield();
    CHECK(second.step_time().count() == 1);
    CHECK(second.step_time().max() == 2'000'000);
}

EDDY_TEST_CASE("without steps, neither they nor latency are measured, but turns are") {
    const eddy::LoopMetrics metrics({.probe_interval = 1h, .steps = false});
    for (int i = 0; i < 10; ++i) {
        co_await eddy::sleep_for(1ms);
    }
    CHECK(metrics.step_time().count() == 0);
    CHECK(metrics.schedule_latency().count() == 0);
    CHECK(metrics.turn_time().count() >= 9);
}

EDDY_TEST_CASE("reset starts again from nothing") {
    eddy::LoopMetrics metrics;
    co_await eddy::sleep_for(10ms);
    co_await eddy::yield();  // the first whole step has ended
    const auto all = {&eddy::LoopMetrics::lag,
                      &eddy::LoopMetrics::step_time,
                      &eddy::LoopMetrics::schedule_latency,
                      &eddy::LoopMetrics::turn_time,
                      &eddy::LoopMetrics::poll_time,
                      &eddy::LoopMetrics::ready_depth};
    for (const auto histogram : all) {
        CHECK((metrics.*histogram)().count() > 0);
    }
    metrics.reset();
    for (const auto histogram : all) {
        CHECK((metrics.*histogram)().count() == 0);
    }
    co_await eddy::sleep_for(10ms);
    for (const auto histogram : all) {
        CHECK((metrics.*histogram)().count() > 0);
    }
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

TEST_CASE("an attached loop is measured like any other, and virtual time that jumps is no turn") {
    Host host;
    VirtualClock clock;
    auto loop = eddy::Loop::attach(host.loop(), {.loop = {.clock = &clock}});
    const auto job = [&]() -> eddy::Task<> {
        const eddy::LoopMetrics metrics({.probe_interval = 24h});
        for (int i = 0; i < 3; ++i) {
            co_await eddy::sleep_for(1h);
        }
        clock.advance(3ms);
        co_await eddy::sleep_for(1h);
        CHECK(metrics.turn_time().count() >= 3);
        CHECK(metrics.turn_time().max() == 3'000'000);
        CHECK(metrics.poll_time().count() >= 4);
        CHECK(metrics.ready_depth().count() == metrics.poll_time().count());
        CHECK(metrics.schedule_latency().count() == 4);
        loop->detach([] {});
    };
    loop->spawn(job());
    host.run();
    CHECK(host.close() == 0);
}

TEST_CASE("metrics that begin in the middle of a host's poll do not count it") {
    Host host;
    VirtualClock clock;
    clock.advance(1h);
    auto loop = eddy::Loop::attach(host.loop(), {.loop = {.clock = &clock}});
    std::optional<eddy::LoopMetrics> metrics;
    Gate answered;
    eddy::testing::EchoPair echo(host, "ping", [&] {
        metrics.emplace(no_probe);
        answered.open();
    });
    const auto job = [&]() -> eddy::Task<> {
        co_await answered.wait();
        for (int i = 0; i < 3; ++i) {
            co_await eddy::sleep_for(1ms);
        }
        CHECK(metrics->poll_time().count() >= 2);
        CHECK(metrics->poll_time().max() == 0);
        CHECK(metrics->turn_time().max() == 0);
        loop->detach([] {});
    };
    loop->spawn(job());
    host.run();
    CHECK(host.close() == 0);
}
