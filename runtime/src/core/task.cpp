// SPDX-License-Identifier: MIT
#include <eddy/task.hpp>

#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

void throw_empty_task() {
    throw InvalidState(
        "this Task is empty: it was awaited, spawned or moved from before; a task runs once");
}

}  // namespace eddy::inline v0_1::detail
