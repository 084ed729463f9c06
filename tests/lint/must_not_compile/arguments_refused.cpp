// SPDX-License-Identifier: MIT
// What a callable cannot take.

#include <string>

#include <eddy/task.hpp>
#include <eddy/task_group.hpp>

eddy::Task<> work(int number);

void correct(eddy::TaskGroup& group) { group.spawn(work, 1); }

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::TaskGroup& group) { group.spawn(work, std::string("1")); }
#endif
