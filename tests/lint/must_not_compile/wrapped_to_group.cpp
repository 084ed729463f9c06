// SPDX-License-Identifier: MIT
// A job would refer to an operation that has ended with the statement.

#include <chrono>

#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;

void correct(eddy::TaskGroup& group) {
    group.spawn([]() -> eddy::Task<> { co_await eddy::fail_after(1s, eddy::sleep_for(2s)); });
}

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::TaskGroup& group) { group.spawn(eddy::fail_after(1s, eddy::sleep_for(2s))); }
#endif
