// SPDX-License-Identifier: MIT
#include <cstdint>
#include <stdexcept>

#include <doctest/doctest.h>

#include <eddy/counter.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>

// The example of primitives/README.md, "Counter, in more detail".

namespace {

using eddy::Counter;
using eddy::Task;

Task<> count_down(Counter& counter) {
    for (int i = 0; i < 91; ++i) {
        counter.decrement();
    }
    co_return;
}

EDDY_TEST_CASE("the counter of the example tells the values that matched") {
    Counter in_flight(0, {.max = 100});
    in_flight.increment();                                 // at 100 it would throw, nothing changed
    const auto low = co_await in_flight.wait_at_most(10);  // the value that matched
    const auto odd = co_await in_flight.wait_for([](std::int64_t v) { return v % 2 == 1; });
    CHECK(low == 1);
    CHECK(odd == 1);
    in_flight.set(100);
    CHECK_THROWS_AS(in_flight.increment(), std::out_of_range);
    CHECK(in_flight.value() == 100);
    auto counting = eddy::spawn(count_down(in_flight));
    const auto ten = co_await in_flight.wait_at_most(10);
    CHECK(ten == 10);
    CHECK(in_flight.value() == 9);
    co_await counting;
}

}  // namespace
