// SPDX-License-Identifier: MIT
#include <eddy/testing/sequencer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::testing::Sequencer;
using eddy::testing::settle;
using Steps = std::vector<std::uint32_t>;

eddy::Task<> takes(Sequencer& order, std::uint32_t number, Steps& log) {
    const auto step = co_await order.step(number);
    log.push_back(number);
    co_await eddy::yield();
    co_await eddy::yield();
    log.push_back(number);
}

/// Takes a step, or notes that the sequence was broken.
eddy::Task<> tries(Sequencer& order, std::uint32_t number, Steps& log, int& broken) {
    try {
        co_await takes(order, number, log);
    } catch (const eddy::BrokenResource&) {
        ++broken;
    }
}

}  // namespace

EDDY_TEST_CASE("steps come in the order of their numbers, and do not overlap") {
    Sequencer order;
    Steps log;
    const auto body = [&](eddy::TaskGroup& group) -> eddy::Task<> {
        for (const std::uint32_t number : {3U, 0U, 4U, 1U, 2U}) {
            group.spawn(takes(order, number, log));
        }
        co_return;
    };
    co_await eddy::with_task_group(body);
    CHECK(log == Steps{0, 0, 1, 1, 2, 2, 3, 3, 4, 4});
}

EDDY_TEST_CASE("a step waits for the one before it, however late") {
    Sequencer order;
    Steps log;
    eddy::spawn(takes(order, 1, log));
    co_await settle();
    CHECK(log.empty());
    {
        const auto step = co_await order.step(0);
        co_await settle();
        CHECK(log.empty());
    }
    co_await settle();
    CHECK(log == Steps{1, 1});
}

EDDY_TEST_CASE("one job may take several steps") {
    Sequencer order;
    Steps log;
    eddy::spawn(takes(order, 1, log));
    co_await takes(order, 0, log);
    co_await takes(order, 2, log);
    CHECK(log == Steps{0, 0, 1, 1, 2, 2});
}

EDDY_TEST_CASE("a step that is over, or has begun, is InvalidState, and breaks nothing") {
    Sequencer order;
    Steps log;
    co_await takes(order, 0, log);
    int refused = 0;
    try {
        const auto again = co_await order.step(0);
    } catch (const eddy::InvalidState&) {
        ++refused;
    }
    {
        const auto step = co_await order.step(1);
        try {
            const auto twice = co_await order.step(1);
        } catch (const eddy::InvalidState&) {
            ++refused;
        }
    }
    CHECK(refused == 2);
    co_await takes(order, 2, log);
    CHECK(log == Steps{0, 0, 2, 2});
}

EDDY_TEST_CASE("a job that is cancelled while it waits for its step breaks the sequence") {
    Sequencer order;
    Steps log;
    int broken = 0;
    eddy::JoinHandle<void> victim = eddy::spawn(tries(order, 1, log, broken));
    eddy::spawn(tries(order, 2, log, broken));
    eddy::spawn(tries(order, 3, log, broken));
    co_await settle();
    victim.cancel();
    co_await settle();
    CHECK(victim.state() == eddy::JobState::cancelled);
    CHECK(broken == 2);
    co_await tries(order, 0, log, broken);
    CHECK(broken == 3);
    CHECK(log.empty());
}

EDDY_TEST_CASE("a job that is cancelled before it asks for its step breaks the sequence, too") {
    Sequencer order;
    Steps log;
    int broken = 0;
    eddy::spawn(tries(order, 1, log, broken));
    co_await settle();
    eddy::JoinHandle<void> victim = eddy::spawn(tries(order, 0, log, broken));
    victim.cancel();
    co_await settle();
    CHECK(victim.state() == eddy::JobState::cancelled);
    CHECK(broken == 1);
    CHECK(log.empty());
}

EDDY_TEST_CASE("a job that is cancelled inside its step does not break the sequence") {
    Sequencer order;
    Steps log;
    const bool done = co_await eddy::move_on_after(
        1s,
        [](Sequencer& o) -> eddy::Task<> {
            const auto step = co_await o.step(0);
            co_await eddy::sleep_forever();
        },
        std::ref(order));
    CHECK_FALSE(done);
    co_await takes(order, 1, log);
    CHECK(log == Steps{1, 1});
}
