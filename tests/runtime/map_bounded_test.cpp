// SPDX-License-Identifier: MIT
#include <eddy/map_bounded.hpp>

#include <algorithm>
#include <chrono>
#include <list>
#include <memory>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::cancel_at_each_checkpoint;
using eddy::testing::expected_failures;

namespace {

std::vector<int> numbers(int count) {
    std::vector<int> all;
    for (int i = 0; i < count; ++i) {
        all.push_back(i);
    }
    return all;
}

Task<> nothing(eddy::Duration delay) { co_await eddy::sleep_for(delay); }

/// Counts how many run at the same time.
struct Meter {
    int running = 0;
    int most = 0;
    int begun = 0;

    Task<int> work(int item) {
        ++begun;
        most = std::max(most, ++running);
        co_await eddy::sleep_for(std::chrono::milliseconds(1 + item % 7));
        --running;
        co_return item * 2;
    }
};

}  // namespace

EDDY_TEST_CASE("results come in the order of the items, and never more than the limit run") {
    for (const std::size_t limit : {1U, 3U, 10U, 200U, 5000U}) {
        Meter meter;
        const auto work = [&meter](int item) { return meter.work(item); };
        const std::vector<int> results = co_await eddy::map_bounded(limit, numbers(200), work);
        REQUIRE(results.size() == 200);
        for (int i = 0; i < 200; ++i) {
            CHECK(results[static_cast<std::size_t>(i)] == 2 * i);
        }
        CHECK(meter.most == static_cast<int>(std::min<std::size_t>(limit, 200)));
        CHECK(meter.running == 0);
    }
}

EDDY_TEST_CASE("items are begun in order, one as soon as another ends") {
    std::vector<int> begun;
    const auto work = [&begun](int item) -> Task<> {
        begun.push_back(item);
        co_await eddy::sleep_for(item == 0 ? 10ms : 3ms);
    };
    co_await eddy::map_bounded(2, numbers(5), work);
    CHECK(begun == std::vector<int>({0, 1, 2, 3, 4}));
    CHECK(eddy::now().time_since_epoch() == 12ms);
}

EDDY_TEST_CASE("no items, no calls, in a cancelled scope too") {
    eddy::CancelScope scope;
    scope.cancel();
    const auto results = co_await eddy::with_scope(
        scope, eddy::map_bounded(3, std::vector<int>(), [](int item) -> Task<int> {
            FAIL("called");
            co_return item;
        }));
    REQUIRE(results.has_value());
    CHECK(results->empty());
}

EDDY_TEST_CASE("a limit of zero is refused") {
    const auto work = [](int) -> Task<> { co_return; };
    CHECK_THROWS_AS(co_await eddy::map_bounded(0, numbers(3), work), std::invalid_argument);
}

EDDY_TEST_CASE("items and results may be move-only") {
    std::vector<std::unique_ptr<int>> items;
    for (int i = 0; i < 5; ++i) {
        items.push_back(std::make_unique<int>(i));
    }
    const auto work = [](std::unique_ptr<int> item) -> Task<std::unique_ptr<int>> {
        co_await eddy::yield();
        ++*item;
        co_return item;
    };
    const auto results = co_await eddy::map_bounded(2, std::move(items), work);
    REQUIRE(results.size() == 5);
    for (int i = 0; i < 5; ++i) {
        CHECK(*results[static_cast<std::size_t>(i)] == i + 1);
    }
}

EDDY_TEST_CASE("a function may keep a reference to its item") {
    std::list<std::string> items = {"a", "bb", "ccc"};
    const auto work = [](const std::string& item) -> Task<std::size_t> {
        co_await eddy::sleep_for(1ms);
        co_return item.size();
    };
    const auto sizes = co_await eddy::map_bounded(2, items, work);
    CHECK(sizes == std::vector<std::size_t>({1, 2, 3}));
    CHECK(items.front() == "a");  // a copy was mapped
}

EDDY_TEST_CASE("a view is read as it is, item by item") {
    std::vector<std::string> words = {"a", "b", "c"};
    const auto append = [](std::string& word) -> Task<std::string&> {
        co_await eddy::yield();
        word += "!";
        co_return word;
    };
    const auto results = co_await eddy::map_bounded(2, std::span(words), append);
    CHECK(words == std::vector<std::string>({"a!", "b!", "c!"}));
    CHECK(&results.at(2).get() == &words[2]);

    int read = 0;
    auto lazy = std::views::iota(0, 100) | std::views::transform([&read](int i) {
                    ++read;
                    return i;
                });
    const auto work = [&read](int item) -> Task<int> {
        CHECK(read <= item + 3);
        co_await eddy::sleep_for(1ms);
        co_return item;
    };
    const auto squares = co_await eddy::map_bounded(3, lazy, work);
    CHECK(squares == numbers(100));
}

EDDY_TEST_CASE("arguments are kept and passed to each call") {
    auto sum = std::make_shared<int>(0);
    const auto add = [](int item, std::shared_ptr<int> total) -> Task<> {
        co_await eddy::yield();
        *total += item;
    };
    auto task = eddy::map_bounded(2, numbers(5), add, sum);
    CHECK(sum.use_count() == 2);
    co_await std::move(task);
    CHECK(*sum == 10);
    CHECK(sum.use_count() == 1);
}

EDDY_TEST_CASE("the first failure comes out raw, the rest is cancelled, and nothing more begins") {
    int begun = 0;
    int ended = 0;
    const auto work = [&](int item) -> Task<int> {
        ++begun;
        if (item == 1) {
            co_await eddy::sleep_for(1ms);
            throw std::runtime_error("one");
        }
        try {
            co_await eddy::sleep_for(1h);
        } catch (const eddy::Cancelled&) {
        }
        co_await eddy::shield(nothing(5ms));
        ++ended;
        co_return item;  // swallowed: the worker may not go on to the next item
    };
    CHECK_THROWS_WITH(co_await eddy::map_bounded(3, numbers(100), work), "one");
    CHECK(begun == 3);
    CHECK(ended == 2);
    CHECK(eddy::now().time_since_epoch() == 6ms);
}

EDDY_TEST_CASE("failures that come later go to the observer") {
    auto& failures = expected_failures();
    const auto work = [](int item) -> Task<int> {
        co_await eddy::sleep_for(5ms);
        throw std::runtime_error(std::to_string(item));
        co_return item;
    };
    std::string message;
    try {
        const auto results = co_await eddy::map_bounded(2, numbers(5), work);
        static_cast<void>(results);
    } catch (const std::runtime_error& error) {
        message = error.what();
    }
    REQUIRE(failures.size() == 1);
    const bool zero_first = message == "0";
    CHECK(message + failures[0].message == (zero_first ? "01" : "10"));
}

EDDY_TEST_CASE("a function that throws before it makes a task has failed") {
    const auto work = [](int item) -> Task<int> {
        if (item == 2) {
            throw std::runtime_error("no task");
        }
        return [](int value) -> Task<int> { co_return value; }(item);
    };
    CHECK_THROWS_WITH(co_await eddy::map_bounded(2, numbers(5), work), "no task");
}

EDDY_TEST_CASE("cancelling the caller cancels what runs, begins nothing more, and waits") {
    Meter meter;
    int cleaned = 0;
    const auto work = [&](int item) -> Task<int> {
        ++meter.begun;
        std::exception_ptr cancelled;
        try {
            co_await eddy::sleep_for(1h);
        } catch (const eddy::Cancelled&) {
            cancelled = std::current_exception();
        }
        co_await eddy::shield(nothing(5ms));
        ++cleaned;
        if (cancelled) {
            std::rethrow_exception(cancelled);
        }
        co_return item;
    };
    const auto results =
        co_await eddy::move_on_after(10ms, eddy::map_bounded(4, numbers(100), work));
    CHECK(!results);
    CHECK(meter.begun == 4);
    CHECK(cleaned == 4);
    CHECK(eddy::now().time_since_epoch() == 15ms);
}

EDDY_TEST_CASE("a cancelled scope lets no item begin") {
    eddy::CancelScope scope;
    scope.cancel();
    Meter meter;
    const auto work = [&meter](int item) { return meter.work(item); };
    const auto results = co_await eddy::with_scope(scope, eddy::map_bounded(4, numbers(9), work));
    CHECK(!results);
    CHECK(meter.begun == 0);
}

EDDY_TEST_CASE("work that never waits lets the others go first now and then") {
    bool done = false;
    int seen = 0;
    const auto work = [&](int item) -> Task<int> {
        seen += done ? 0 : 1;
        co_return item;
    };
    const auto watch = [&]() -> Task<> {
        co_await eddy::yield();
        done = true;
    };
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(watch());
        const auto results = co_await eddy::map_bounded(1, numbers(10000), work);
        CHECK(results.size() == 10000);
    });
    CHECK(seen < 10000);
}

TEST_CASE("map_bounded can be cancelled at each of its checkpoints") {
    int running = 0;
    const auto checkpoints = cancel_at_each_checkpoint(
        [&]() -> Task<> {
            const auto work = [&running](int item) -> Task<int> {
                struct Count {
                    int& running;
                    explicit Count(int& counter) : running(counter) { ++running; }
                    ~Count() { --running; }
                } count(running);
                CHECK(running <= 2);
                co_await eddy::sleep_for(std::chrono::milliseconds(item));
                co_return item;
            };
            const auto results = co_await eddy::map_bounded(2, numbers(5), work);
            CHECK(results == numbers(5));
        },
        [&] { CHECK(running == 0); });
    CHECK(checkpoints == 10);
}

EDDY_TEST_CASE("asked to collect, failures end nothing and stand in their places") {
    int begun = 0;
    const auto work = [&begun](int item) -> Task<int> {
        if (item == 3) {
            throw std::runtime_error("before the task");
        }
        return [](int value, int& count) -> Task<int> {
            ++count;
            co_await eddy::sleep_for(std::chrono::milliseconds(value));
            if (value == 1) {
                throw std::runtime_error("one");
            }
            co_return value * 2;
        }(item, begun);
    };
    const auto outcomes = co_await eddy::map_bounded_settled(2, numbers(5), work);
    REQUIRE(outcomes.size() == 5);
    CHECK(begun == 4);
    for (std::size_t i = 0; i < 5; ++i) {
        CHECK(outcomes[i].has_value() == (i != 1 && i != 3));
    }
    CHECK_THROWS_WITH(std::rethrow_exception(outcomes[1].error()), "one");
    CHECK_THROWS_WITH(std::rethrow_exception(outcomes[3].error()), "before the task");
}

EDDY_TEST_CASE("cancelling one who collects throws, and what was lost goes to the observer") {
    auto& failures = expected_failures();
    const auto work = [](int item) -> Task<> {
        if (item == 0) {
            throw std::runtime_error("lost");
        }
        co_await eddy::sleep_for(1h);
    };
    const auto outcomes =
        co_await eddy::move_on_after(5ms, eddy::map_bounded_settled(2, numbers(9), work));
    CHECK(!outcomes);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "lost");
    CHECK_THROWS_AS(co_await eddy::map_bounded_settled(0, numbers(3), work), std::invalid_argument);
}

EDDY_TEST_CASE("items that nobody else keeps are kept until their work has ended") {
    const auto texts =
        std::views::iota(1, 4) | std::views::transform([](int i) { return std::to_string(i * i); });
    const auto size = [](const std::string& text) -> Task<std::size_t> {
        co_await eddy::sleep_for(1ms);
        co_return text.size();
    };
    const auto sizes = co_await eddy::map_bounded(2, texts, size);
    CHECK(sizes == std::vector<std::size_t>({1, 1, 1}));
    auto outcomes = co_await eddy::map_bounded_settled(2, texts, size);
    REQUIRE(outcomes.size() == 3);
    CHECK(outcomes[2].value() == 1);
}
