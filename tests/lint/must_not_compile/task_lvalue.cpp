// SPDX-License-Identifier: MIT
// A task is awaited at most once, so the `co_await` of a named one says `std::move`.

#include <utility>

#include <eddy/task.hpp>

eddy::Task<> child();

eddy::Task<> correct() {
    auto task = child();
    co_await std::move(task);
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() {
    auto task = child();
    co_await task;
}
#endif
