// SPDX-License-Identifier: MIT
#include <eddy/counter.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

#include "broken_contract.hpp"

namespace {

using eddy::Counter;
using eddy::Task;

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

}  // namespace

TEST_CASE("a counter starts at zero, goes up and down, and says where it is") {
    Counter counter;
    CHECK(counter.value() == 0);
    CHECK(counter.increment() == 1);
    CHECK(counter.increment(9) == 10);
    CHECK(counter.decrement(3) == 7);
    CHECK(counter.decrement() == 6);
    CHECK(counter.add(-2) == 4);
    CHECK(counter.add(2) == 6);
    CHECK(counter.set(40) == 40);
    CHECK(counter.value() == 40);
    CHECK(counter.min() == 0);
    CHECK(counter.max() == highest);
    CHECK_FALSE(counter.closed());
}

TEST_CASE("statistics count changes, and remember the peak") {
    Counter counter(5);
    counter.increment(5);
    counter.decrement(8);
    counter.set(2);  // it is 2 already
    const eddy::CounterStatistics seen = counter.statistics();
    CHECK(seen.value == 2);
    CHECK(seen.peak == 10);
    CHECK(seen.updates == 2);
    CHECK(seen.waiters == 0);
    CHECK(seen.evaluations == 0);
    CHECK(seen.comparisons == 0);
}

TEST_CASE("a negative amount is an invalid argument and changes nothing") {
    Counter counter(3);
    CHECK_THROWS_AS(counter.increment(-1), std::invalid_argument);
    CHECK_THROWS_AS(counter.decrement(-1), std::invalid_argument);
    CHECK_THROWS_AS(counter.decrement(lowest), std::invalid_argument);
    CHECK(counter.value() == 3);
    CHECK(counter.statistics().updates == 0);
}

TEST_CASE("a change that would leave the range is refused before anything changes") {
    Counter counter(3, {.min = -1, .max = 5});
    CHECK_THROWS_AS(counter.increment(3), std::out_of_range);
    CHECK_THROWS_AS(counter.decrement(5), std::out_of_range);
    CHECK_THROWS_AS(counter.add(lowest), std::out_of_range);
    CHECK_THROWS_AS(counter.add(highest), std::out_of_range);
    CHECK_THROWS_AS(counter.set(6), std::out_of_range);
    CHECK_THROWS_AS(counter.set(-2), std::out_of_range);
    CHECK(counter.value() == 3);
    CHECK(counter.statistics().updates == 0);
    CHECK(counter.increment(2) == 5);
    CHECK(counter.decrement(6) == -1);
}

TEST_CASE("the error says what was asked, where the counter stands, and its range") {
    Counter counter(3, {.min = 0, .max = 5});
    std::string message;
    try {
        counter.decrement(4);
    } catch (const std::out_of_range& error) {
        message = error.what();
    }
    CHECK(message ==
          "Counter::decrement: -4 would take the counter from 3 out of [0, 5]; it stays there");
}

TEST_CASE("the whole width of 64 bits can be used, and never overflows") {
    Counter counter(0, {.min = lowest, .max = highest});
    CHECK(counter.set(highest) == highest);
    CHECK_THROWS_AS(counter.increment(), std::out_of_range);
    CHECK(counter.add(-highest) == 0);
    CHECK(counter.add(lowest) == lowest);
    CHECK_THROWS_AS(counter.decrement(), std::out_of_range);
    CHECK_THROWS_AS(counter.decrement(highest), std::out_of_range);
    CHECK(counter.increment(highest) == -1);
    CHECK(counter.value() == -1);
}

TEST_CASE("an empty range, or an initial value outside it, is an invalid argument") {
    CHECK_THROWS_AS(Counter(-1), std::invalid_argument);
    CHECK_THROWS_AS(Counter(6, {.min = 0, .max = 5}), std::invalid_argument);
    CHECK_THROWS_AS(Counter(1, {.min = 2, .max = 1}), std::invalid_argument);
}

TEST_CASE("a threshold that the range excludes is refused, not waited for") {
    Counter counter(3, {.min = 1, .max = 5});
    CHECK_THROWS_AS(static_cast<void>(counter.wait_at_least(6)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(counter.wait_at_most(0)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(counter.wait_until_zero()), std::invalid_argument);
}

TEST_CASE("a closed counter can be read, but not changed") {
    Counter counter(3);
    counter.close();
    counter.close();
    CHECK(counter.closed());
    CHECK(counter.value() == 3);
    CHECK_THROWS_AS(counter.increment(), eddy::ClosedResource);
    CHECK_THROWS_AS(counter.increment(0), eddy::ClosedResource);
    CHECK_THROWS_AS(counter.set(1), eddy::ClosedResource);
    CHECK(counter.value() == 3);
}

EDDY_TEST_CASE("a change by zero is none: nobody is asked") {
    Counter counter(3);
    int asked = 0;
    auto waiter = eddy::spawn(
        [](Counter& watched, int& calls) -> Task<> {
            co_await watched.wait_for([&calls](std::int64_t value) {
                ++calls;
                return value == 7;
            });
        },
        std::ref(counter),
        std::ref(asked));
    co_await eddy::testing::settle();
    CHECK(asked == 1);
    counter.increment(0);
    counter.decrement(0);
    counter.add(0);
    counter.set(3);
    CHECK(asked == 1);
    CHECK(counter.statistics().updates == 0);
    counter.set(7);
    CHECK(asked == 2);
    co_await waiter;
}

EDDY_TEST_CASE("another thread than the loop's gets WrongThread, and the value is untouched") {
    Counter counter(3);
    counter.increment();
    int refused = 0;
    std::thread([&] {
        for (auto* call : {+[](Counter& c) { c.increment(); },
                           +[](Counter& c) { c.decrement(); },
                           +[](Counter& c) { c.add(1); },
                           +[](Counter& c) { c.set(9); },
                           +[](Counter& c) { c.close(); },
                           +[](Counter& c) { static_cast<void>(c.value()); },
                           +[](Counter& c) { static_cast<void>(c.statistics()); },
                           +[](Counter& c) { static_cast<void>(c.remote()); }}) {
            try {
                call(counter);
            } catch (const eddy::WrongThread&) {
                ++refused;
            }
        }
    }).join();
    CHECK(refused == 8);
    CHECK(counter.value() == 4);
    co_return;
}

TEST_CASE("a counter outlives the loop it was used in, and serves the thread's next one") {
    Counter counter;
    const auto raise = [](Counter& target) -> Task<> {
        target.increment();
        const std::int64_t seen = co_await target.wait_at_least(1);
        CHECK(seen == target.value());
    };
    eddy::run(raise(counter));
    CHECK(counter.value() == 1);
    eddy::run(raise(counter));
    CHECK(counter.value() == 2);
}

EDDY_ABORT_TEST_CASE(
    "destroying a counter that jobs wait on is a broken contract that says what to do",
    "a Counter was destroyed while jobs wait on it: close() it") {
    auto counter = std::make_unique<Counter>();
    eddy::spawn([](Counter& watched) -> Task<> { co_await watched.wait_at_least(1); },
                std::ref(*counter))
        .detach();
    co_await eddy::testing::settle();
    counter.reset();
}
