// SPDX-License-Identifier: MIT
// A task comes first, then its options.

#include <eddy/task.hpp>
#include <eddy/task_group.hpp>

eddy::Task<> work();

void correct(eddy::TaskGroup& group) { group.spawn(work(), {.name = "worker"}); }

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::TaskGroup& group) { group.spawn({.name = "worker"}, work()); }
#endif
