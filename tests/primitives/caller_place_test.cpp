// SPDX-License-Identifier: MIT
#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/bounded_executor.hpp>
#include <eddy/once_cell.hpp>
#include <eddy/select.hpp>
#include <eddy/single_flight.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>

#include "place_recorder.hpp"

// Where the jobs that primitives make say they come from: from who called them.

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::PlaceRecorder;
using Lines = std::vector<int>;

Task<int> makes(int value) {
    co_await eddy::sleep_for(1ms);
    co_return value;
}

}  // namespace

EDDY_TEST_CASE_FIFO("a flight comes from the call that began it") {
    PlaceRecorder places;
    eddy::SingleFlight<int, int> flights;
    co_await flights.get(1, makes, 1);
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    co_await eddy::fail_after(1h, flights.get(2, makes, 2));
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    co_await eddy::select(flights.get(3, makes, 3), eddy::sleep_for(1h));
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    eddy::OnceCell<int> cell;
    co_await cell.get_or_init(makes, 4);
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    co_await eddy::with_task_group([&places](eddy::TaskGroup& group) -> Task<> {
        eddy::SingleFlight<int, int> grouped(group);
        co_await grouped.get(1, makes, 1);
        CHECK(places.take_lines() == Lines{__LINE__ - 1});
        eddy::OnceCell<int> in_group(group);
        co_await in_group.get_or_init(makes, 2);
        CHECK(places.take_lines() == Lines{__LINE__ - 1});
    });
    CHECK(places.foreign() == "");
}

EDDY_TEST_CASE_FIFO("the workers of a bounded executor come from the call") {
    PlaceRecorder places;
    eddy::BoundedExecutor executor(1);
    co_await executor.map(std::vector<int>(1), makes);
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    co_await executor.map_settled(std::vector<int>(1), makes);
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    co_await executor.execute(makes, 1);
    CHECK(places.take_lines().empty());
    CHECK(places.foreign() == "");
}
