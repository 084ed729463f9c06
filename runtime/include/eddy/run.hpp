// SPDX-License-Identifier: MIT
#pragma once

#include <source_location>
#include <utility>

#include <eddy/loop.hpp>

namespace eddy {

/// Runs a program: a new loop on this thread, `task` as its main job. When that ends, everything
/// else is cancelled and waited for.
///
///     int main() { return eddy::run(serve(), {.handle_signals = true}); }
///
/// Throws: see `Loop::run`.
template <class T>
T run(Task<T> task,
      const RunOptions& options = {},
      const LoopOptions& loop_options = {},
      std::source_location where = std::source_location::current()) {
    Loop loop(loop_options);
    return loop.run(std::move(task), options, where);
}

}  // namespace eddy
