// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace eddy {

/// Every job of the current loop as a tree: who spawned whom, who awaits what, where, since when.
///
///     main #1 (main.cpp:40), waits 1.2 s for its children
///         main.cpp:44  in main
///       fetch #2 (main.cpp:45), waits 0.3 s for sleep
///           fetch.cpp:12
///           fetch.cpp:31
///
/// Under each job: its awaits, outermost first.
///
/// Throws: `InvalidState` outside a loop.
/// Cost:   linear in jobs and frames; changes nothing.
[[nodiscard]] std::string dump_jobs();

namespace detail {

class Job;

/// One job of the tree, its awaits included.
[[nodiscard]] std::string describe_job(const Job& job, int indent = 0);

}  // namespace detail
}  // namespace eddy
