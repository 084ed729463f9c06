// SPDX-License-Identifier: MIT
#include <eddy/testing/cancel_at.hpp>

#include <chrono>
#include <cstddef>
#include <stdexcept>

#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::testing::cancel_at_each_checkpoint;
using eddy::testing::Gate;

/// What became of the runs of one scenario.
struct Tally {
    std::size_t begun = 0;
    std::size_t completed = 0;
    std::size_t cancelled = 0;
};

eddy::Task<> counted(Tally& tally, eddy::Task<> work) {
    ++tally.begun;
    try {
        co_await std::move(work);
    } catch (const eddy::Cancelled&) {
        ++tally.cancelled;
        throw;
    }
    ++tally.completed;
}

eddy::Task<> nothing() { co_return; }
eddy::Task<> sleeps(int times) {
    for (int i = 0; i < times; ++i) {
        co_await eddy::sleep_for(1s);
    }
}

}  // namespace

TEST_CASE("a scenario without a checkpoint runs once each way and is never cancelled") {
    Tally tally;
    const std::size_t count = cancel_at_each_checkpoint([&] { return counted(tally, nothing()); });
    CHECK(count == 0);
    CHECK(tally.begun == 2);
    CHECK(tally.completed == 2);
}

TEST_CASE("each checkpoint is cancelled once on entry and once while it waits") {
    Tally tally;
    std::size_t ends = 0;
    const std::size_t count =
        cancel_at_each_checkpoint([&] { return counted(tally, sleeps(3)); }, [&] { ++ends; });
    CHECK(count == 3);
    CHECK(tally.begun == 8);
    CHECK(tally.cancelled == 6);
    CHECK(tally.completed == 2);
    CHECK(ends == tally.begun);
}

TEST_CASE("operations that finish at once count, too, and so do those of children") {
    const std::size_t count = cancel_at_each_checkpoint([]() -> eddy::Task<> {
        Gate gate;
        gate.open();
        co_await gate.wait();
        const auto body = [](eddy::TaskGroup& group) -> eddy::Task<> {
            group.spawn(sleeps(2));
            group.spawn(sleeps(1));
            co_await eddy::yield();
        };
        co_await eddy::with_task_group(body);
        co_await eddy::checkpoint();
    });
    CHECK(count == 6);
}

TEST_CASE("a shield keeps the cancellation for the next checkpoint") {
    Tally shielded;
    Tally tally;
    cancel_at_each_checkpoint([&]() -> eddy::Task<> {
        return counted(tally, [](Tally& inner) -> eddy::Task<> {
            co_await eddy::shield(counted(inner, sleeps(2)));
            co_await eddy::checkpoint();
        }(shielded));
    });
    CHECK(shielded.cancelled == 0);
    CHECK(shielded.completed == shielded.begun);
    CHECK(tally.cancelled > 0);
}

TEST_CASE("what the scenario throws comes out") {
    const auto scenario = []() -> eddy::Task<> {
        bool cancelled = false;
        try {
            co_await eddy::sleep_for(1s);
        } catch (const eddy::Cancelled&) {
            cancelled = true;
        }
        if (cancelled) {
            throw std::runtime_error("cleanup failed");
        }
    };
    CHECK_THROWS_WITH_AS(static_cast<void>(cancel_at_each_checkpoint(scenario)),
                         "cleanup failed",
                         std::runtime_error);
}
