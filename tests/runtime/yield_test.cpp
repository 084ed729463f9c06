// SPDX-License-Identifier: MIT
#include <eddy/yield.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <eddy/detail/turn.hpp>
#include <eddy/error.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/observer.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::Task;
using eddy::TaskGroup;
using eddy::with_task_group;
using eddy::detail::Turn;
using eddy::testing::Gate;
using eddy::testing::let_run;
using eddy::testing::settle;

namespace {

/// Counts the steps of each job, and the polls.
class StepCounter final : public eddy::Observer {
public:
    std::map<eddy::JobId, std::size_t> by_job;
    std::size_t total = 0;
    std::size_t polls_seen = 0;

    [[nodiscard]] std::uint32_t hooks() const noexcept override {
        return Observer::steps | Observer::polls;
    }
    void before_step(const eddy::JobInfo& job) override {
        ++by_job[job.id];
        ++total;
    }
    void before_poll(eddy::Duration) override { ++polls_seen; }
};

Task<> sleeps(eddy::Duration time) { co_await eddy::sleep_for(time); }

}  // namespace

EDDY_TEST_CASE("yield lets every other ready job run") {
    int others = 0;
    co_await with_task_group([&others](TaskGroup& group) -> Task<> {
        for (int i = 0; i < 10; ++i) {
            group.spawn([&others]() -> Task<> {
                ++others;
                co_return;
            });
        }
        co_await eddy::yield();
        co_await eddy::yield();  // a random order may have put this job first once
        CHECK(others == 10);
    });
}

EDDY_TEST_CASE_FIFO("one job that is always ready does not get ahead of a thousand others") {
    std::size_t greedy = 0;
    std::size_t most_between = 0;
    std::size_t last = 0;
    bool stop = false;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        group.spawn([&]() -> Task<> {
            while (!stop) {
                ++greedy;
                co_await eddy::yield();
            }
        });
        for (int i = 0; i < 1000; ++i) {
            group.spawn([&]() -> Task<> {
                for (int round = 0; round < 10; ++round) {
                    most_between = std::max(most_between, greedy - last);
                    last = greedy;
                    co_await eddy::yield();
                }
                stop = true;
            });
        }
        co_return;
    });
    CHECK(most_between <= 2);
    CHECK(greedy <= 12);
}

EDDY_TEST_CASE_FIFO("checkpoint goes on at once, but lets the others run every 128 times") {
    std::size_t rounds = 0;
    bool stop = false;
    auto busy = eddy::spawn([&rounds, &stop]() -> Task<> {
        while (!stop) {
            co_await eddy::checkpoint();
            ++rounds;
        }
    });
    co_await eddy::yield();
    const std::size_t first = rounds;
    co_await eddy::yield();
    CHECK(first == Turn::budget - 1);  // the 128th lets the others go before it returns
    CHECK(rounds - first == Turn::budget);
    CHECK(eddy::Loop::current().statistics().forced_yields >= 2);
    stop = true;
    co_await busy;
}

EDDY_TEST_CASE("work that only checkpoints does not keep deadlines and posts waiting") {
    bool posted = false;
    std::size_t rounds = 0;
    CHECK(eddy::Loop::current().post([&posted] { posted = true; }));
    while (!posted) {
        co_await eddy::checkpoint();
        ++rounds;
    }
    CHECK(rounds <= Turn::budget * (Turn::whole + 1));
}

EDDY_TEST_CASE("an operation that can finish at once spends budget like a checkpoint") {
    Gate gate;
    gate.open();
    bool other = false;
    auto job = eddy::spawn([&other]() -> Task<> {
        other = true;
        co_return;
    });
    for (int i = 0; i < 3 * Turn::budget; ++i) {
        co_await gate.wait();
    }
    CHECK(other);
    co_await job;
}

TEST_CASE("strict checkpoints make every operation yield") {
    eddy::testing::VirtualClock clock;
    std::size_t turns = 0;
    eddy::run(
        [](std::size_t& count) -> Task<> {
            bool stop = false;
            auto other = eddy::spawn([&count, &stop]() -> Task<> {
                while (!stop) {
                    ++count;
                    co_await eddy::checkpoint();
                }
            });
            Gate gate;
            gate.open();
            for (int i = 0; i < 10; ++i) {
                co_await gate.wait();
            }
            stop = true;
            co_await other;
        }(turns),
        {},
        {.clock = &clock, .strict_checkpoints = true});
    CHECK(turns >= 9);
    CHECK(turns <= 11);
}

TEST_CASE("a cancellation during the yield of an operation that succeeded comes after it") {
    eddy::testing::VirtualClock clock;
    bool got_it = false;
    bool went_on = false;
    eddy::run(
        [](bool& got, bool& went) -> Task<> {
            eddy::testing::HandOffLock lock;
            auto job = eddy::spawn([&]() -> Task<> {
                const auto guard = co_await lock.acquire();  // free: but it yields
                got = true;
                co_await eddy::checkpoint();
                went = true;
            });
            while (!lock.held()) {
                co_await eddy::yield();
            }
            job.cancel();
            co_await job.wait();
            CHECK_FALSE(lock.held());
        }(got_it, went_on),
        {},
        {.clock = &clock, .strict_checkpoints = true});
    CHECK(got_it);
    CHECK_FALSE(went_on);
}

EDDY_TEST_CASE("a cancelled scope over a shielded job does not spin the loop") {
    StepCounter counter;
    eddy::CancelScope scope;
    auto job = eddy::spawn(with_scope(scope, []() -> Task<> {
        co_await with_task_group([](TaskGroup& group) -> Task<> {
            group.spawn(eddy::shield(sleeps(1h)));
            co_return;
        });
    }));
    co_await settle();
    eddy::Loop::current().add_observer(counter);
    scope.cancel();
    for (int i = 0; i < 10; ++i) {
        co_await settle();
    }
    co_await sleeps(1min);
    const std::size_t waiting = counter.total;
    const std::size_t polls = counter.polls_seen;
    CHECK(waiting <= 12);  // this job's own
    CHECK(polls <= 100);
    co_await job.wait();
    CHECK(counter.total <= waiting + 6);
    eddy::Loop::current().remove_observer(counter);
}

EDDY_TEST_CASE("a cancelled scope over finished work does not spin the loop") {
    StepCounter counter;
    eddy::CancelScope scope;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        group.spawn(sleeps(1h));
        group.cancel();
        group.spawn([]() -> Task<> { co_return; });
        co_await eddy::shield([&counter]() -> Task<> {
            co_await settle();  // the others have ended
            eddy::Loop::current().add_observer(counter);
            co_await sleeps(1h);
        });
    });
    CHECK(counter.total <= 2);
    eddy::Loop::current().remove_observer(counter);
}
