// SPDX-License-Identifier: MIT
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/portal.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

#include "place_recorder.hpp"

// Where the jobs of a portal say they come from: from where the portal was made.

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

EDDY_TEST_CASE_FIFO("what a portal starts comes from where the portal was made") {
    PlaceRecorder places;
    const eddy::Portal portal;
    constexpr int line = __LINE__ - 1;
    std::future<int> plain = portal.submit([] { return 1; });
    std::future<int> task = portal.submit(makes, 2);
    co_await eddy::sleep_for(5ms);
    CHECK(places.take_lines() == Lines{line, line});
    CHECK(plain.get() == 1);
    CHECK(task.get() == 2);
    const eddy::Portal other(eddy::Loop::current());
    const eddy::Portal third(eddy::Loop::current().handle());
    const auto calls = [](eddy::Portal one, eddy::Portal two) {
        return one.call([] { return 3; }) + two.call([] { return 4; });
    };
    const int called = co_await eddy::run_in_executor(calls, other, third);
    CHECK(called == 7);
    CHECK(places.take_lines() == Lines{__LINE__ - 7, __LINE__ - 6});
    CHECK(places.foreign() == "");
}
