// SPDX-License-Identifier: MIT
// A task is made on its loop, by the function.

#include <eddy/portal.hpp>
#include <eddy/task.hpp>

eddy::Task<int> work();

int correct(const eddy::Portal& portal) { return portal.submit(work).get(); }

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(const eddy::Portal& portal) { portal.submit(work()).get(); }
#endif
