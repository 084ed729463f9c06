// SPDX-License-Identifier: MIT
#include <eddy/as_completed.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/gather.hpp>
#include <eddy/outcome.hpp>
#include <eddy/sleep.hpp>
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

Task<int> number(int value, eddy::Duration delay) {
    co_await eddy::sleep_for(delay);
    co_return value;
}
Task<> nothing(eddy::Duration delay) { co_await eddy::sleep_for(delay); }
Task<std::unique_ptr<int>> owned(int value, eddy::Duration delay) {
    co_await eddy::sleep_for(delay);
    co_return std::make_unique<int>(value);
}
Task<int&> itself(int& value) {
    co_await eddy::yield();
    co_return value;
}
Task<int> fails(std::string message, eddy::Duration delay) {
    co_await eddy::sleep_for(delay);
    throw std::runtime_error(message);
}
/// When it is cancelled: takes its time, then throws if it has a message.
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

template <class... Ts>
auto list(Ts... tasks) {
    std::vector<std::common_type_t<Ts...>> all;
    (all.push_back(std::move(tasks)), ...);
    return all;
}

}  // namespace

EDDY_TEST_CASE("results arrive in order of completion, with the place of their task") {
    std::vector<std::pair<std::size_t, int>> seen;
    auto tasks = list(number(10, 30ms), number(11, 10ms), number(12, 20ms));
    co_await eddy::as_completed(std::move(tasks), [&seen](std::size_t index, int value) {
        seen.emplace_back(index, value);
        CHECK(eddy::now().time_since_epoch() == seen.size() * 10ms);
    });
    CHECK(seen == std::vector<std::pair<std::size_t, int>>({{1, 11}, {2, 12}, {0, 10}}));
}

EDDY_TEST_CASE("the function may return a task, which is run for one result at a time") {
    int running = 0;
    int sum = 0;
    const auto take = [&](std::size_t, std::unique_ptr<int> value) -> Task<> {
        CHECK(++running == 1);
        co_await eddy::sleep_for(5ms);
        sum += *value;
        --running;
    };
    auto tasks = list(owned(1, 1ms), owned(2, 2ms), owned(3, 3ms));
    co_await eddy::as_completed(std::move(tasks), take);
    CHECK(sum == 6);
    CHECK(eddy::now().time_since_epoch() == 16ms);
}

EDDY_TEST_CASE("a function that returns a task may keep a reference to the value") {
    int sum = 0;
    const auto take = [&sum](std::size_t, const std::unique_ptr<int>& value) -> Task<> {
        co_await eddy::sleep_for(5ms);
        sum += *value;
    };
    co_await eddy::as_completed(list(owned(1, 1ms), owned(2, 2ms)), take);
    CHECK(sum == 3);
}

EDDY_TEST_CASE("void tasks have no value, references stay references") {
    std::vector<std::size_t> order;
    co_await eddy::as_completed(list(nothing(2ms), nothing(1ms)),
                                [&order](std::size_t index) { order.push_back(index); });
    CHECK(order == std::vector<std::size_t>({1, 0}));

    int target = 1;
    co_await eddy::as_completed(list(itself(target)), [](std::size_t, int& value) { value = 2; });
    CHECK(target == 2);
}

EDDY_TEST_CASE("arguments are kept and passed to each call") {
    auto count = std::make_shared<int>(0);
    auto add = [](std::size_t, int value, const std::shared_ptr<int>& sum) { *sum += value; };
    auto task = eddy::as_completed(list(number(1, 1ms), number(2, 2ms)), add, count);
    CHECK(count.use_count() == 2);
    co_await std::move(task);
    CHECK(*count == 3);
    CHECK(count.use_count() == 1);
}

EDDY_TEST_CASE("no tasks, no calls") {
    co_await eddy::as_completed(std::vector<Task<int>>(), [](std::size_t, int) { FAIL("called"); });
}

EDDY_TEST_CASE("a thousand results are all delivered") {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 1000; ++i) {
        tasks.push_back(number(i, std::chrono::milliseconds(i % 7)));
    }
    std::vector<bool> seen(1000);
    co_await eddy::as_completed(std::move(tasks), [&seen](std::size_t index, int value) {
        CHECK(static_cast<int>(index) == value);
        CHECK(!seen[index]);
        seen[index] = true;
    });
    CHECK(std::find(seen.begin(), seen.end(), false) == seen.end());
}

EDDY_TEST_CASE("a failing task cancels the rest, and comes out after what was complete before it") {
    bool cleaned = false;
    std::vector<int> seen;
    const auto take = [&seen](std::size_t, int value) -> Task<> {
        co_await eddy::sleep_for(10ms);  // the failure happens meanwhile
        seen.push_back(value);
    };
    auto tasks = list(number(1, 1ms),
                      number(2, 2ms),
                      fails("third", 3ms),
                      number(4, 1h),
                      cleans_up(1ms, cleaned));
    CHECK_THROWS_WITH(co_await eddy::as_completed(std::move(tasks), take), "third");
    CHECK(seen == std::vector<int>({1, 2}));
    CHECK(cleaned);
    CHECK(eddy::now().time_since_epoch() == 21ms);
}

EDDY_TEST_CASE("an exception of the function cancels the rest and comes out when it has ended") {
    bool cleaned = false;
    int calls = 0;
    auto tasks = list(number(1, 1ms), number(2, 1ms), number(3, 1h), cleans_up(9ms, cleaned));
    CHECK_THROWS_WITH(co_await eddy::as_completed(std::move(tasks),
                                                  [&calls](std::size_t, int) {
                                                      ++calls;
                                                      throw std::runtime_error("enough");
                                                  }),
                      "enough");
    CHECK(calls == 1);
    CHECK(cleaned);
    CHECK(eddy::now().time_since_epoch() == 10ms);
}

EDDY_TEST_CASE("failures that come later go to the observer") {
    auto& failures = expected_failures();
    bool cleaned = false;
    auto tasks = list(number(1, 1ms), cleans_up(1ms, cleaned, "while cleaning up"));
    CHECK_THROWS_WITH(
        co_await eddy::as_completed(std::move(tasks),
                                    [](std::size_t, int) { throw std::runtime_error("enough"); }),
        "enough");
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "while cleaning up");

    const auto take = [](std::size_t, int) -> Task<> {
        co_await eddy::sleep_for(10ms);
        throw std::runtime_error("too late");
    };
    CHECK_THROWS_WITH(co_await eddy::as_completed(list(number(1, 1ms), fails("before", 2ms)), take),
                      "before");
    REQUIRE(failures.size() == 2);
    CHECK(failures[1].message == "too late");
}

EDDY_TEST_CASE("a function that takes outcomes is told of failures, which cancel nobody") {
    std::vector<std::string> seen;
    const auto take = [&seen](std::size_t index, Outcome<int> outcome) {
        std::string text = std::to_string(index) + ": ";
        try {
            text += std::to_string(outcome.value());
        } catch (const std::runtime_error& error) {
            text += error.what();
        }
        seen.push_back(text);
    };
    co_await eddy::as_completed(list(number(1, 3ms), fails("no", 1ms), number(3, 2ms)), take);
    CHECK(seen == std::vector<std::string>({"1: no", "2: 3", "0: 1"}));
}

EDDY_TEST_CASE("outcomes that are not delivered are reported if they are failures") {
    auto& failures = expected_failures();
    const auto take = [](std::size_t, Outcome<int>) -> Task<> {
        co_await eddy::sleep_for(10ms);
        throw std::runtime_error("enough");
    };
    CHECK_THROWS_WITH(co_await eddy::as_completed(list(number(1, 1ms), fails("lost", 2ms)), take),
                      "enough");
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "lost");
}

EDDY_TEST_CASE("cancelling the caller cancels the tasks and waits for them") {
    bool cleaned = false;
    int calls = 0;
    const bool completed = co_await eddy::move_on_after(10ms, [&]() -> Task<> {
        co_await eddy::as_completed(list(number(1, 5ms), number(2, 1h), cleans_up(10ms, cleaned)),
                                    [&calls](std::size_t, int) { ++calls; });
    });
    CHECK(!completed);
    CHECK(calls == 1);
    CHECK(cleaned);
    CHECK(eddy::now().time_since_epoch() == 20ms);
}

EDDY_TEST_CASE("cancelling the caller reaches the function that runs") {
    int calls = 0;
    const auto take = [&calls](std::size_t, int) -> Task<> {
        ++calls;
        co_await eddy::sleep_forever();
    };
    const bool completed = co_await eddy::move_on_after(
        10ms, eddy::as_completed(list(number(1, 1ms), number(2, 1ms)), take));
    CHECK(!completed);
    CHECK(calls == 1);
}

EDDY_TEST_CASE("a cancellation during the last call does not undo the whole") {
    bool finished = false;
    const bool completed = co_await eddy::move_on_after(10ms, [&]() -> Task<> {
        co_await eddy::as_completed(list(number(1, 1ms)), [](std::size_t, int) -> Task<> {
            co_await eddy::shield(nothing(20ms));
        });
        finished = true;
    });
    CHECK(completed);
    CHECK(finished);
}

EDDY_TEST_CASE("in a scope that is cancelled before, nothing is delivered") {
    eddy::CancelScope scope;
    scope.cancel();
    const bool completed = co_await eddy::with_scope(
        scope, eddy::as_completed(list(number(1, 1ms)), [](std::size_t, int) { FAIL("called"); }));
    CHECK(!completed);
}

TEST_CASE("as_completed can be cancelled at each of its checkpoints") {
    int calls = 0;
    const auto checkpoints = cancel_at_each_checkpoint(
        [&]() -> Task<> {
            const auto take = [&calls](std::size_t, int) -> Task<> {
                co_await eddy::yield();
                ++calls;
            };
            co_await eddy::as_completed(list(number(1, 1ms), number(2, 2ms), number(3, 2ms)), take);
        },
        [&] {
            CHECK(calls <= 3);
            calls = 0;
        });
    CHECK(checkpoints == 9);
}
