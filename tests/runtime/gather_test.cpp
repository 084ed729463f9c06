// SPDX-License-Identifier: MIT
#include <eddy/gather.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <eddy/as_completed.hpp>
#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/loop.hpp>
#include <eddy/map_bounded.hpp>
#include <eddy/race.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

using namespace std::chrono_literals;
using eddy::Outcome;
using eddy::Task;
using eddy::testing::cancel_at_each_checkpoint;
using eddy::testing::expected_failures;

namespace {

Task<int> number(int value, eddy::Duration delay = 0ms) {
    co_await eddy::sleep_for(delay);
    co_return value;
}
Task<int> at_once(int value) { co_return value; }
Task<> nothing(eddy::Duration delay = 0ms) { co_await eddy::sleep_for(delay); }
Task<std::unique_ptr<int>> owned(int value, eddy::Duration delay = 0ms) {
    co_await eddy::sleep_for(delay);
    co_return std::make_unique<int>(value);
}
Task<int&> itself(int& value) {
    co_await eddy::yield();
    co_return value;
}
Task<int> fails(std::string message, eddy::Duration delay = 0ms) {
    co_await eddy::sleep_for(delay);
    throw std::runtime_error(message);
}

/// Ends with a value although it was cancelled.
Task<int> swallows(int value) {
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled&) {
    }
    co_return value;
}

/// Takes its time, and then throws something else, if it has a message.
Task<int> cleans_up(eddy::Duration delay, bool& done, std::string message = {}) {
    std::exception_ptr cancelled;
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled&) {
        cancelled = std::current_exception();
    }
    co_await eddy::shield(nothing(delay));
    done = true;
    if (!message.empty()) {
        throw std::runtime_error(message);
    }
    std::rethrow_exception(cancelled);
}

/// What the task throws: its message, "cancelled", or "" when it returns.
template <class T>
Task<std::string> message_of(Task<T> task) {
    std::string message;
    try {
        static_cast<void>(co_await std::move(task));
    } catch (const std::exception& error) {
        message = error.what();
    } catch (const eddy::Cancelled&) {
        message = "cancelled";
    }
    co_return message;
}

template <class... Ts>
std::vector<Task<int>> list(Ts... tasks) {
    std::vector<Task<int>> all;
    (all.push_back(std::move(tasks)), ...);
    return all;
}

}  // namespace

EDDY_TEST_CASE("gather returns the results in the order of the arguments") {
    const auto start = eddy::now();
    const auto results = co_await eddy::gather(number(1, 30ms), owned(2, 10ms), nothing(20ms));
    CHECK(std::get<0>(results) == 1);
    CHECK(*std::get<1>(results) == 2);
    CHECK(std::get<2>(results) == std::monostate());
    CHECK(eddy::now() - start == 30ms);
}

EDDY_TEST_CASE("gather of a vector returns a vector in the same order") {
    std::vector<Task<std::unique_ptr<int>>> tasks;
    for (int i = 0; i < 1000; ++i) {
        tasks.push_back(owned(i, std::chrono::milliseconds(1000 - i)));
    }
    const auto results = co_await eddy::gather(std::move(tasks));
    REQUIRE(results.size() == 1000);
    for (int i = 0; i < 1000; ++i) {
        CHECK(*results[static_cast<std::size_t>(i)] == i);
    }
}

EDDY_TEST_CASE("gather of references hands out the referents") {
    int a = 1;
    int b = 2;
    const std::tuple<int&, int&> both = co_await eddy::gather(itself(a), itself(b));
    CHECK(&std::get<0>(both) == &a);
    std::vector<Task<int&>> tasks;
    tasks.push_back(itself(b));
    const auto results = co_await eddy::gather(std::move(tasks));
    CHECK(&results.at(0).get() == &b);
}

EDDY_TEST_CASE("gather of void tasks waits for them") {
    const auto start = eddy::now();
    std::vector<Task<>> tasks;
    tasks.push_back(nothing(10ms));
    tasks.push_back(nothing(20ms));
    co_await eddy::gather(std::move(tasks));
    CHECK(eddy::now() - start == 20ms);
}

EDDY_TEST_CASE("gather of nothing returns at once, in a cancelled scope too") {
    eddy::CancelScope scope;
    scope.cancel();
    const bool completed = co_await eddy::with_scope(scope, []() -> Task<> {
        const std::tuple<> none = co_await eddy::gather();
        static_cast<void>(none);
        const std::vector<int> empty = co_await eddy::gather(std::vector<Task<int>>());
        CHECK(empty.empty());
        const auto settled = co_await eddy::gather_settled(std::vector<Task<>>());
        CHECK(settled.empty());
    });
    CHECK(completed);
}

EDDY_TEST_CASE("the first failure in time is thrown as it was, after the others have ended") {
    const auto start = eddy::now();
    bool cleaned = false;
    const std::string message = co_await message_of(eddy::gather(
        number(1, 1h), cleans_up(50ms, cleaned), fails("first", 10ms), fails("never", 20ms)));
    CHECK(message == "first");
    CHECK(cleaned);
    CHECK(eddy::now() - start == 60ms);
}

EDDY_TEST_CASE("what fails after the first failure goes to the observer") {
    auto& failures = expected_failures();
    bool cleaned = false;
    const std::string message = co_await message_of(
        eddy::gather(list(cleans_up(5ms, cleaned, "while cleaning up"), fails("first", 10ms))));
    CHECK(message == "first");
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "while cleaning up");
    CHECK(failures[0].where == "suppressed by gather: job");
}

EDDY_TEST_CASE("of two that fail in the same turn one is thrown and one reported") {
    auto& failures = expected_failures();
    const std::string message =
        co_await message_of(eddy::gather(fails("a", 10ms), fails("b", 10ms)));
    REQUIRE(failures.size() == 1);
    const bool first_won = message == "a";
    CHECK(message + failures[0].message == (first_won ? "ab" : "ba"));
}

EDDY_TEST_CASE_FIFO("of two that fail in the same turn the first to run is thrown") {
    auto& failures = expected_failures();
    const std::string message =
        co_await message_of(eddy::gather(fails("a", 10ms), fails("b", 10ms)));
    CHECK(message == "a");
    CHECK(failures.size() == 1);
}

EDDY_TEST_CASE("a sibling that swallows the cancellation changes nothing about the failure") {
    const std::string message =
        co_await message_of(eddy::gather(swallows(1), fails("first", 10ms)));
    CHECK(message == "first");
}

EDDY_TEST_CASE("cancelling the caller cancels the tasks and waits for them") {
    const auto start = eddy::now();
    bool cleaned = false;
    const auto result = co_await eddy::move_on_after(
        10ms, eddy::gather(number(1, 1h), cleans_up(20ms, cleaned), number(2)));
    CHECK(!result.has_value());
    CHECK(cleaned);
    CHECK(eddy::now() - start == 30ms);
}

EDDY_TEST_CASE("results that are complete in spite of a cancellation are returned") {
    int sum = 0;
    const bool completed = co_await eddy::move_on_after(10ms, [&sum]() -> Task<> {
        const auto results = co_await eddy::gather(list(swallows(1), swallows(2)));
        sum = results.at(0) + results.at(1);
        co_await eddy::checkpoint();
        sum = -1;
    });
    CHECK(!completed);
    CHECK(sum == 3);
}

EDDY_TEST_CASE("a failure during the caller's cancellation outranks it") {
    bool cleaned = false;
    std::string message;
    const bool completed = co_await eddy::move_on_after(10ms, [&]() -> Task<> {
        message = co_await message_of(
            eddy::gather(number(1, 1h), cleans_up(5ms, cleaned, "while cleaning up")));
        co_await eddy::checkpoint();
    });
    CHECK(!completed);
    CHECK(message == "while cleaning up");
}

EDDY_TEST_CASE("tasks start in a cancelled scope too, and run up to their first checkpoint") {
    eddy::CancelScope scope;
    scope.cancel();
    int started = 0;
    const auto task = [&started](bool waits) -> Task<int> {
        ++started;
        if (waits) {
            co_await eddy::sleep_for(1ms);
        }
        co_return started;
    };
    const auto cut_off = co_await eddy::with_scope(scope, eddy::gather(task(true), task(false)));
    CHECK(!cut_off);
    CHECK(started == 2);

    eddy::CancelScope another;
    another.cancel();
    const auto finished = co_await eddy::with_scope(another, eddy::gather(at_once(1), at_once(2)));
    REQUIRE(finished.has_value());
    CHECK(*finished == std::tuple(1, 2));
}

EDDY_TEST_CASE("an empty task is refused before any other one starts") {
    bool started = false;
    auto starts = [&started]() -> Task<int> {
        started = true;
        co_return 1;
    };
    auto tasks = list(starts(), number(2));
    Task<int> gone = std::move(tasks[1]);
    CHECK_THROWS_AS(co_await eddy::gather(std::move(tasks)), eddy::InvalidState);
    co_await eddy::testing::settle();
    CHECK(!started);
}

EDDY_TEST_CASE("a gather that is never awaited runs nothing") {
    bool started = false;
    auto starts = [&started]() -> Task<int> {
        started = true;
        co_return 1;
    };
    {
        const auto task = eddy::gather(starts(), starts());
        CHECK(task.valid());
    }
    co_await eddy::testing::settle();
    CHECK(!started);
}

EDDY_TEST_CASE("gathers nest, and the innermost failure comes out raw") {
    const auto results = co_await eddy::gather(eddy::gather(number(1, 3ms), number(2, 1ms)),
                                               eddy::gather(list(number(3), number(4))));
    CHECK(std::get<0>(results) == std::tuple(1, 2));
    CHECK(std::get<1>(results) == std::vector<int>({3, 4}));

    bool cleaned = false;
    const std::string message =
        co_await message_of(eddy::gather(eddy::gather(fails("deep", 5ms), number(1, 1h)),
                                         eddy::gather(cleans_up(1ms, cleaned), number(2, 1h))));
    CHECK(message == "deep");
    CHECK(cleaned);
}

EDDY_TEST_CASE("gather_settled returns how each task ended") {
    auto outcomes =
        co_await eddy::gather_settled(number(1, 10ms), fails("no", 5ms), nothing(), owned(4));
    CHECK(std::get<0>(outcomes).value() == 1);
    CHECK(!std::get<1>(outcomes).has_value());
    CHECK_THROWS_WITH(std::get<1>(outcomes).value(), "no");
    CHECK(std::get<2>(outcomes).has_value());
    CHECK(*std::get<3>(outcomes).value() == 4);
}

EDDY_TEST_CASE("gather_settled of a vector keeps the order") {
    auto outcomes =
        co_await eddy::gather_settled(list(fails("a", 2ms), number(2, 1ms), at_once(3)));
    REQUIRE(outcomes.size() == 3);
    CHECK_THROWS_WITH(outcomes[0].value(), "a");
    CHECK(outcomes[1].value() == 2);
    CHECK(outcomes[2].value() == 3);
    CHECK(!outcomes[0].cancelled());
}

EDDY_TEST_CASE(
    "a task of gather_settled that awaits a cancelled job has failed, not been cancelled") {
    eddy::JoinHandle<void> job = eddy::spawn(nothing(1h));
    job.cancel("not needed");
    auto waits = [&job]() -> Task<int> {
        co_await job;
        co_return 1;
    };
    auto outcomes = co_await eddy::gather_settled(list(waits(), number(2)));
    CHECK(!outcomes[0].cancelled());
    CHECK_THROWS_AS(outcomes[0].value(), eddy::JobCancelled);
    CHECK(outcomes[1].value() == 2);
}

EDDY_TEST_CASE(
    "gather_settled of a cancelled caller throws, and reports the failures that are lost") {
    auto& failures = expected_failures();
    const auto outcomes = co_await eddy::move_on_after(
        10ms, eddy::gather_settled(list(fails("lost", 1ms), number(1, 1h))));
    CHECK(!outcomes);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "lost");
    CHECK(failures[0].where == "suppressed by gather_settled: job");

    const auto both =
        co_await eddy::move_on_after(10ms, eddy::gather_settled(fails("lost", 1ms), number(1, 1h)));
    CHECK(!both);
    CHECK(failures.size() == 2);
}

TEST_CASE("combinators whose tasks ignore the end of the loop are torn down with them") {
    eddy::testing::VirtualClock clock;
    eddy::testing::RecordingObserver observer;
    eddy::Loop loop({.clock = &clock, .observer = &observer});
    int destroyed = 0;
    struct Count {
        int& destroyed;
        explicit Count(int& counter) : destroyed(counter) {}
        ~Count() { ++destroyed; }
    };
    const auto stuck = [&destroyed](int value) -> Task<int> {
        const Count count(destroyed);
        co_await eddy::shield(nothing(1h));
        co_return value;
    };
    const auto all = [&stuck]() -> Task<> {
        const auto gathered =
            co_await eddy::gather(stuck(1),
                                  eddy::race(stuck(2), stuck(3)),
                                  eddy::gather_settled(list(stuck(4))),
                                  eddy::as_completed(list(stuck(5)), [](std::size_t, int) {}),
                                  eddy::map_bounded(2, std::vector<int>(3), stuck));
        static_cast<void>(gathered);
    };
    const auto main = [&all]() -> Task<> {
        eddy::spawn(all());
        co_await eddy::testing::settle();
    };
    loop.run(main(), {.grace = 1s});
    CHECK(destroyed == 7);
    CHECK(observer.abandoned.size() == 12);
    CHECK(observer.failures.empty());
    CHECK(loop.statistics().jobs_alive == 0);
}

TEST_CASE("gather can be cancelled at each of its checkpoints") {
    int begun = 0;
    int ended = 0;
    struct Count {
        int& ended;
        explicit Count(int& counter) : ended(counter) {}
        ~Count() { ++ended; }
    };
    const auto child = [&begun, &ended](int value) -> Task<int> {
        ++begun;
        const Count count(ended);
        co_await eddy::sleep_for(std::chrono::milliseconds(value));
        co_await eddy::yield();
        co_return value;
    };
    const auto checkpoints = cancel_at_each_checkpoint(
        [&]() -> Task<> {
            const auto [a, rest] =
                co_await eddy::gather(child(1), eddy::gather(list(child(2), child(3))));
            CHECK(a + rest.at(0) + rest.at(1) == 6);
        },
        [&] { CHECK(begun == ended); });
    CHECK(checkpoints == 6);
}

TEST_CASE("gather_settled can be cancelled at each of its checkpoints") {
    const auto checkpoints = cancel_at_each_checkpoint([]() -> Task<> {
        auto outcomes =
            co_await eddy::gather_settled(list(number(1, 1ms), number(2, 2ms), number(3, 3ms)));
        CHECK(outcomes.size() == 3);
    });
    CHECK(checkpoints == 3);
}
