// SPDX-License-Identifier: MIT
#include <eddy/testing/cancel_at.hpp>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <utility>

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

TEST_CASE("a scenario without a checkpoint runs once in each of four ways, never cancelled") {
    Tally tally;
    const std::size_t count = cancel_at_each_checkpoint([&] { return counted(tally, nothing()); });
    CHECK(count == 0);
    CHECK(tally.begun == 4);
    CHECK(tally.completed == 4);
}

TEST_CASE("each checkpoint is cancelled on entry and while it waits, by a call and by a deadline") {
    Tally tally;
    std::size_t ends = 0;
    const std::size_t count =
        cancel_at_each_checkpoint([&] { return counted(tally, sleeps(3)); }, [&] { ++ends; });
    CHECK(count == 3);
    CHECK(tally.begun == 16);
    CHECK(tally.cancelled == 12);
    CHECK(tally.completed == 4);
    CHECK(ends == tally.begun);
}

TEST_CASE("the deadline is one: its cause says so, and it could be seen") {
    struct Seen {
        std::size_t calls = 0;
        std::size_t deadlines = 0;
    } seen;
    const auto scenario = [&]() -> eddy::Task<> {
        try {
            co_await sleeps(2);
        } catch (const eddy::Cancelled& cancelled) {
            const bool by_deadline = cancelled.source() == eddy::CancelSource::deadline;
            ++(by_deadline ? seen.deadlines : seen.calls);
            CHECK(eddy::current_effective_deadline() == eddy::TimePoint::min());
            throw;
        }
    };
    CHECK(cancel_at_each_checkpoint(scenario) == 2);
    CHECK(seen.calls == 4);
    CHECK(seen.deadlines == 4);
}

TEST_CASE("a timeout inside is told from the deadline around it") {
    std::size_t timed_out = 0;
    const auto count = cancel_at_each_checkpoint([&]() -> eddy::Task<> {
        const bool in_time = co_await eddy::move_on_after(1h, eddy::sleep_for(2h));
        CHECK_FALSE(in_time);
        ++timed_out;
        co_await eddy::checkpoint();
    });
    // Two checkpoints: those lost at the second have timed out before, and so have the whole ones.
    CHECK(count == 2);
    CHECK(timed_out == 8);
}

TEST_CASE("a job that answers only one of the two causes is found") {
    // What it does when time is over, it forgets when it is cancelled, and the other way round.
    for (const auto answered : {eddy::CancelSource::deadline, eddy::CancelSource::explicit_call}) {
        int open = 0;
        std::size_t left_open = 0;
        const auto scenario = [&]() -> eddy::Task<> {
            ++open;
            try {
                co_await eddy::sleep_for(1s);
            } catch (const eddy::Cancelled& cancelled) {
                open -= cancelled.source() == answered ? 1 : 0;
                throw;
            }
            --open;
        };
        const auto after = [&] { left_open += static_cast<std::size_t>(std::exchange(open, 0)); };
        CHECK(cancel_at_each_checkpoint(scenario, after) == 1);
        CHECK(left_open == 2);
    }
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
