// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>

#include "trace.hpp"

/// What several scenarios need.

namespace scenarios {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::TaskGroup;

/// Runs `body` in a group, which waits for what it has spawned; what is in `body`'s scope outlives
/// them.
template <class Body>
Task<> in_group(Body body) {
    co_await eddy::with_task_group(body);
}

inline Task<int> gives(int value, eddy::Duration after) {
    co_await eddy::sleep_for(after);
    co_return value;
}

inline std::string number(auto value) { return std::to_string(value); }

}  // namespace scenarios
