// SPDX-License-Identifier: MIT
#include <eddy/bounded_executor.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/gather.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>

#include "broken_contract.hpp"

using namespace std::chrono_literals;

namespace {

using eddy::BoundedExecutor;
using eddy::Task;
using eddy::testing::expected_failures;
using eddy::testing::settle;

std::vector<int> numbers(int count) {
    std::vector<int> all;
    for (int i = 0; i < count; ++i) {
        all.push_back(i);
    }
    return all;
}

/// Counts how many run at the same time; fails for the number it is told.
struct Meter {
    int fails_at = -1;
    int running = 0;
    int most = 0;
    int begun = 0;

    Task<int> work(int item) {
        ++begun;
        most = std::max(most, ++running);
        const Leave leave{running};
        co_await eddy::sleep_for(std::chrono::milliseconds(1 + item % 5));
        if (item == fails_at) {
            throw std::runtime_error("item " + std::to_string(item));
        }
        co_return item * 2;
    }

private:
    struct Leave {
        int& running;
        explicit Leave(int& counter) : running(counter) {}
        ~Leave() { --running; }
    };
};

using Steps = std::vector<std::pair<std::size_t, std::size_t>>;

auto recorder(Steps& steps) {
    return [&steps](std::size_t completed, std::size_t total) {
        steps.emplace_back(completed, total);
    };
}

/// `execute` waits for the one slot, which another job holds until `complete`.
class ExecutorFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit ExecutorFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() {
        eddy::spawn(hold(door_, executor_)).detach();
        co_await eddy::testing::wait_matrix::rounds();
    }
    Task<> wait() { co_await executor_->execute(nothing()); }
    Task<> wait_again() { co_await wait(); }
    void complete() { door_->set(); }
    bool intact() const { return executor_->statistics().waiters == 0; }

private:
    /// Goes on alone when the fixture has gone.
    static Task<> hold(std::shared_ptr<eddy::Event> door, std::shared_ptr<BoundedExecutor> keep) {
        const auto wait = [&door]() -> Task<> { co_await door->wait(); };
        co_await keep->execute(wait);
    }
    static Task<> nothing() { co_return; }

    std::shared_ptr<eddy::Event> door_ = std::make_shared<eddy::Event>();
    std::shared_ptr<BoundedExecutor> executor_ = std::make_shared<BoundedExecutor>(1);
};

}  // namespace

EDDY_TEST_CASE("results come in the order of the items, and never more than the limit run") {
    for (const std::size_t limit : {1U, 3U, 50U}) {
        BoundedExecutor executor(limit);
        Meter meter;
        const auto work = [&meter](int item) { return meter.work(item); };
        const std::vector<int> results = co_await executor.map(numbers(40), work);
        REQUIRE(results.size() == 40);
        for (int i = 0; i < 40; ++i) {
            CHECK(results[static_cast<std::size_t>(i)] == 2 * i);
        }
        CHECK(meter.most == static_cast<int>(std::min<std::size_t>(limit, 40)));
        CHECK(executor.statistics().completed == 40);
        CHECK(executor.statistics().total == 40);
        CHECK(executor.statistics().running == 0);
    }
}

EDDY_TEST_CASE("progress is told after each completion, failures included") {
    Steps steps;
    BoundedExecutor executor(2, recorder(steps));
    Meter meter{.fails_at = 1};
    const auto work = [&meter](int item) { return meter.work(item); };
    const auto outcomes = co_await executor.map_settled(numbers(4), work);
    CHECK(steps == Steps({{1, 4}, {2, 4}, {3, 4}, {4, 4}}));
    REQUIRE(outcomes.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(outcomes[i].has_value() == (i != 1));
    }
    CHECK_THROWS_WITH(std::rethrow_exception(outcomes[1].error()), "item 1");
    co_await executor.execute([]() -> Task<> { co_return; });
    CHECK(steps.back() == std::pair<std::size_t, std::size_t>(5, 5));
}

EDDY_TEST_CASE("a range that does not know its size is counted as it is read") {
    Steps steps;
    BoundedExecutor executor(1, recorder(steps));
    auto odd = std::views::iota(0, 6) | std::views::filter([](int i) { return i % 2 != 0; });
    const auto work = [](int item) -> Task<int> {
        co_await eddy::sleep_for(1ms);
        co_return item;
    };
    const std::vector<int> results = co_await executor.map(odd, work);
    CHECK(results == std::vector<int>({1, 3, 5}));
    CHECK(steps == Steps({{1, 1}, {2, 2}, {3, 3}}));
}

EDDY_TEST_CASE("the first failure comes out raw, and the rest is cancelled and not counted") {
    Steps steps;
    BoundedExecutor executor(3, recorder(steps));
    Meter meter{.fails_at = 0};
    const auto work = [&meter](int item) { return meter.work(item); };
    CHECK_THROWS_WITH(co_await executor.map(numbers(100), work), "item 0");
    CHECK(meter.begun == 3);
    CHECK(meter.running == 0);
    CHECK(steps == Steps({{1, 100}}));
    CHECK(executor.statistics().total == 1);
    CHECK(executor.statistics().running == 0);
    const int value = co_await executor.execute(meter.work(4));  // and it goes on working
    CHECK(value == 8);
}

EDDY_TEST_CASE("several maps and single calls share one limit, and one progress") {
    Steps steps;
    BoundedExecutor executor(3, recorder(steps));
    Meter meter;
    const auto work = [&meter](int item) { return meter.work(item); };
    const auto all = co_await eddy::gather(executor.map(numbers(10), work),
                                           executor.map(numbers(10), work),
                                           executor.execute(meter.work(3)));
    CHECK(std::get<0>(all) == std::get<1>(all));
    CHECK(std::get<2>(all) == 6);
    CHECK(meter.most == 3);
    REQUIRE(steps.size() == 21);
    CHECK(steps.back() == std::pair<std::size_t, std::size_t>(21, 21));
}

EDDY_TEST_CASE("what is executed begins in order of arrival, and says how it ended") {
    BoundedExecutor executor(1);
    std::vector<int> begun;
    const auto note = [](std::vector<int>& out, int number) -> Task<int> {
        out.push_back(number);
        co_await eddy::sleep_for(1ms);
        if (number == 1) {
            throw std::runtime_error("one");
        }
        co_return number;
    };
    auto zero = eddy::spawn(executor.execute(note, std::ref(begun), 0));
    co_await settle();
    auto one = eddy::spawn(executor.execute(note(begun, 1)));
    co_await settle();
    auto two = eddy::spawn(executor.execute(note, std::ref(begun), 2));
    co_await settle();
    CHECK(begun == std::vector<int>{0});
    CHECK(executor.statistics().running == 1);
    CHECK(executor.statistics().waiters == 2);
    CHECK(executor.statistics().total == 3);
    const int first = co_await zero;
    CHECK(first == 0);
    CHECK_THROWS_WITH(co_await one, "one");
    const int last = co_await two;
    CHECK(last == 2);
    CHECK(begun == std::vector<int>({0, 1, 2}));
    CHECK(executor.statistics().completed == 3);
}

EDDY_TEST_CASE("cancelling the caller cancels what runs, begins nothing more, and counts neither") {
    Steps steps;
    BoundedExecutor executor(2, recorder(steps));
    Meter meter;
    const auto work = [&meter](int item) -> Task<int> {
        ++meter.begun;
        co_await eddy::sleep_for(1h);
        co_return item;
    };
    const auto results = co_await eddy::move_on_after(5ms, executor.map(numbers(9), work));
    CHECK_FALSE(results.has_value());
    const auto outcomes = co_await eddy::move_on_after(5ms, executor.map_settled(numbers(9), work));
    CHECK_FALSE(outcomes.has_value());
    CHECK(meter.begun == 4);
    const auto single = co_await eddy::move_on_after(5ms, executor.execute(work, 1));
    CHECK_FALSE(single.has_value());
    CHECK(meter.begun == 5);
    CHECK(steps.empty());
    CHECK(executor.statistics().completed == 0);
    CHECK(executor.statistics().total == 0);
    CHECK(executor.statistics().running == 0);
}

EDDY_TEST_CASE("a progress function that throws is reported, and the work goes on") {
    auto& failures = expected_failures();
    BoundedExecutor executor(2, [](std::size_t completed, std::size_t) {
        if (completed == 2) {
            throw std::runtime_error("cannot draw");
        }
    });
    Meter meter;
    const auto work = [&meter](int item) { return meter.work(item); };
    const auto results = co_await executor.map(numbers(4), work);
    CHECK(results.size() == 4);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "cannot draw");
}

EDDY_TEST_CASE("items may be move-only or references, results too, and nothing") {
    BoundedExecutor executor(2);
    std::vector<std::unique_ptr<int>> items;
    items.push_back(std::make_unique<int>(1));
    items.push_back(std::make_unique<int>(2));
    const auto pass = [](std::unique_ptr<int> item, int plus) -> Task<std::unique_ptr<int>> {
        co_await eddy::sleep_for(1ms);
        *item += plus;
        co_return item;
    };
    const auto passed = co_await executor.map(std::move(items), pass, 10);
    CHECK(*passed[0] == 11);
    CHECK(*passed[1] == 12);

    std::vector<std::string> words = {"a", "b"};
    const auto append = [](std::string& word) -> Task<std::string&> {
        co_await eddy::sleep_for(1ms);
        word += "!";
        co_return word;
    };
    const auto appended = co_await executor.map(std::span(words), append);
    CHECK(&appended[0].get() == &words[0]);
    const auto squares =
        std::views::iota(1, 4) | std::views::transform([](int i) { return std::to_string(i * i); });
    const auto size = [](const std::string& text) -> Task<std::size_t> {
        co_await eddy::sleep_for(1ms);
        co_return text.size();
    };
    const auto sizes = co_await executor.map(squares, size);  // items that nobody else keeps
    CHECK(sizes == std::vector<std::size_t>({1, 1, 1}));
    const auto nothing = [](int) -> Task<> { co_return; };
    co_await executor.map(numbers(3), nothing);
    const auto outcomes = co_await executor.map_settled(numbers(3), nothing);
    CHECK(outcomes.size() == 3);
    CHECK(executor.statistics().completed == 13);
}

EDDY_TEST_CASE("a limit of zero is refused") {
    CHECK_THROWS_AS(BoundedExecutor(0), std::invalid_argument);
    co_return;
}

EDDY_TEST_CASE("a bounded executor refuses other threads") {
    BoundedExecutor executor(1);
    co_await executor.execute([]() -> Task<> { co_return; });
    int refused = 0;
    std::thread([&] {
        eddy::run([](BoundedExecutor& e, int& count) -> Task<> {
            const auto nothing = []() -> Task<> { co_return; };
            try {
                co_await e.execute(nothing);
            } catch (const eddy::WrongThread&) {
                ++count;
            }
            CHECK_THROWS_AS(static_cast<void>(e.statistics()), eddy::WrongThread);
        }(executor, refused));
    }).join();
    CHECK(refused == 1);
    CHECK(executor.statistics().total == 1);
}

EDDY_ABORT_TEST_CASE("destroying a bounded executor under its work is a broken contract",
                     "a BoundedExecutor was destroyed while its work is under way") {
    auto executor = std::make_unique<BoundedExecutor>(1);
    eddy::spawn(executor->execute([]() -> Task<> { co_await eddy::sleep_forever(); })).detach();
    co_await settle();
    executor.reset();
}

TEST_CASE("a bounded executor's map can be cancelled at each of its checkpoints") {
    BoundedExecutor executor(2);
    const auto checkpoints = eddy::testing::cancel_at_each_checkpoint(
        [&executor]() -> Task<> {
            const auto work = [](int item) -> Task<int> {
                co_await eddy::sleep_for(std::chrono::milliseconds(item));
                co_return item;
            };
            const auto results = co_await executor.map(numbers(5), work);
            CHECK(results == numbers(5));
        },
        [&executor] {
            CHECK(executor.statistics().running == 0);
            CHECK(executor.statistics().completed == executor.statistics().total);
        });
    CHECK(checkpoints == 15);
}

EDDY_WAIT_MATRIX("BoundedExecutor::execute", ExecutorFixture)
