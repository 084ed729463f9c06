// SPDX-License-Identifier: MIT
// A task is not its result.

#include <eddy/task.hpp>

eddy::Task<int> work();

eddy::Task<bool> correct() {
    const int result = co_await work();
    co_return result == 3;
}

#ifdef EDDY_MUST_NOT_COMPILE
bool wrong() { return work() == 3; }
#endif
