// SPDX-License-Identifier: MIT
// What runs as a job returns a task.

#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>

eddy::Task<> correct() {
    co_await eddy::shield([]() -> eddy::Task<int> { co_return 1; });
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() {
    co_await eddy::shield([] { return 1; });
}
#endif
