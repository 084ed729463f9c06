// SPDX-License-Identifier: MIT
// Options come first, then the callable and its arguments.

#include <eddy/spawn.hpp>
#include <eddy/task.hpp>

eddy::Task<> work(int number);

void correct() { eddy::spawn({.name = "worker"}, work, 1); }

#ifdef EDDY_MUST_NOT_COMPILE
void wrong() {
    eddy::spawn([] { return work(1); }, {.name = "worker"});
}
#endif
