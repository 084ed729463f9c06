// SPDX-License-Identifier: MIT
// What waits and changes cost, counted: allocations, comparisons, calls of predicates.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/counter.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/yield.hpp>

#include "heap_hooks.hpp"

namespace {

using eddy::Counter;
using eddy::Task;
using eddy::testing::settle;

using Values = std::vector<std::int64_t>;

Task<> at_least(Counter& counter, std::int64_t threshold, Values& seen) {
    seen.push_back(co_await counter.wait_at_least(threshold));
}

}  // namespace

EDDY_TEST_CASE_FIFO("waits allocate nothing") {
    Counter counter;
    std::uint64_t waits = 0;
    std::uint64_t allocated = 0;
    auto waiter = eddy::spawn(
        [](Counter& c, std::uint64_t& count, std::uint64_t& used) -> Task<> {
            const std::size_t before = eddy::testing::heap_counters().allocations;
            for (std::int64_t i = 1; i < 400; i += 4) {
                co_await c.wait_at_least(i);
                co_await c.wait_for([i](std::int64_t value) { return value == i + 1; });
                co_await c.wait_change();
                co_await c.wait_until_zero();
                count += 4;
            }
            used = eddy::testing::heap_counters().allocations - before;
        },
        std::ref(counter),
        std::ref(waits),
        std::ref(allocated));
    co_await settle();
    for (std::int64_t i = 1; i < 400; i += 4) {
        counter.set(i);
        co_await eddy::yield();
        co_await eddy::yield();
        counter.set(i + 1);
        co_await eddy::yield();
        co_await eddy::yield();
        counter.set(i + 2);
        co_await eddy::yield();
        co_await eddy::yield();
        counter.set(0);
        co_await eddy::yield();
        co_await eddy::yield();
    }
    co_await waiter;
    CHECK(waits == 400);
    CHECK(allocated == 0);
}

EDDY_TEST_CASE_FIFO(
    "an increment that wakes nobody does not look at ten thousand threshold waiters") {
    constexpr std::int64_t waiters = 10'000;
    constexpr std::int64_t increments = 1'000'000;
    Counter counter;
    Values seen;
    seen.reserve(waiters);
    for (std::int64_t i = 0; i < waiters; ++i) {
        // in no order, all beyond the increments
        eddy::spawn(at_least(counter, increments + 1 + (i * 7'919) % waiters, seen)).detach();
    }
    co_await settle();
    CHECK(counter.statistics().waiters == waiters);
    const std::size_t before = eddy::testing::heap_counters().allocations;
    for (std::int64_t i = 0; i < increments; ++i) {
        counter.increment();
    }
    const std::uint64_t allocated = eddy::testing::heap_counters().allocations - before;
    eddy::CounterStatistics after = counter.statistics();
    CHECK(allocated == 0);
    CHECK(after.evaluations == 0);
    CHECK(after.comparisons == increments);  // one each, with the lowest threshold
    CHECK(after.waiters == waiters);
    for (std::int64_t i = 0; i < waiters; ++i) {
        counter.increment();
    }
    after = counter.statistics();
    CHECK(after.waiters == 0);
    CHECK(after.comparisons <= increments + 2 * waiters);
    co_await settle();
    REQUIRE(seen.size() == waiters);
    for (std::int64_t i = 0; i < waiters; ++i) {
        CHECK(seen[static_cast<std::size_t>(i)] == increments + 1 + i);
    }
}

EDDY_TEST_CASE_FIFO("ten thousand waiters woken by one change resume in the order they came") {
    constexpr std::int64_t waiters = 10'000;
    Counter counter;
    Values order;
    for (std::int64_t i = 0; i < waiters; ++i) {
        eddy::spawn(
            [](Counter& c, Values& out, std::int64_t number) -> Task<> {
                if (number % 3 == 0) {
                    co_await c.wait_for([number](std::int64_t v) { return v > number; });
                } else {
                    co_await c.wait_at_least(1 + (number * 7'919) % 10'000);
                }
                out.push_back(number);
            },
            std::ref(counter),
            std::ref(order),
            i)
            .detach();
    }
    co_await settle();
    counter.set(waiters);
    co_await settle();
    REQUIRE(order.size() == waiters);
    for (std::int64_t i = 0; i < waiters; ++i) {
        CHECK(order[static_cast<std::size_t>(i)] == i);
    }
}
