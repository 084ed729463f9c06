// SPDX-License-Identifier: MIT
// What combines a wrapped temporary refers to it as well.

#include <chrono>
#include <utility>

#include <eddy/gather.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;

eddy::Task<> correct(eddy::TaskGroup& group, eddy::Sleep& sleep, eddy::Task<> other) {
    group.spawn(eddy::gather(eddy::shield(sleep), std::move(other)));
    co_await eddy::gather(eddy::shield(eddy::sleep_for(1s)), eddy::shield(sleep));
}

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::TaskGroup& group, eddy::Task<> other) {
    group.spawn(eddy::gather(eddy::shield(eddy::sleep_for(1s)), std::move(other)));
}
#endif
