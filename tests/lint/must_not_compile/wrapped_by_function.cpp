// SPDX-License-Identifier: MIT
// As wrapped_returned.cpp, for a callable whose result is deduced.

#include <chrono>

#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;

void correct(eddy::TaskGroup& group, eddy::Sleep& sleep) {
    group.spawn([&sleep] { return eddy::fail_after(1s, sleep); });
}

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::TaskGroup& group) {
    group.spawn([] { return eddy::fail_after(1s, eddy::sleep_for(2s)); });
}
#endif
