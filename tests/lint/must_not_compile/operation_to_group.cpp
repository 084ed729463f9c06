// SPDX-License-Identifier: MIT
// An operation does not run: somebody awaits it.

#include <chrono>

#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>

using namespace std::chrono_literals;

void correct(eddy::TaskGroup& group) {
    group.spawn([]() -> eddy::Task<> { co_await eddy::sleep_for(2s); });
}

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::TaskGroup& group) { group.spawn(eddy::sleep_for(2s)); }
#endif
