// SPDX-License-Identifier: MIT
// A task has its arguments already.

#include <eddy/task.hpp>
#include <eddy/task_group.hpp>

eddy::Task<> work(int number);

void correct(eddy::TaskGroup& group) { group.spawn(work, 1); }

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::TaskGroup& group) { group.spawn(work(1), 1); }
#endif
