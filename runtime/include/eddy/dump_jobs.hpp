// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

/// Every job of the current loop as a tree: who spawned whom, who awaits what, where, since when.
///
///     main #1 (main.cpp:70), waits for its children since 1.200 s
///         main.cpp:44 in main_task
///       fetch #2 (main.cpp:45), waits for sleep since 0.300 s
///           fetch.cpp:12 in fetch_all
///           fetch.cpp:31 in fetch_page
///       job #3 (main.cpp:46), waits for the end of fetch #2 since 1.200 s, cancelled
///           main.cpp:20 in supervise
///       job #4 (main.cpp:47), ready
///           main.cpp:25 in beat
///
/// In parentheses: where it was spawned. Under each job: its awaits, outermost first, each with the
/// function it stands in; of more than 32 the first and the last 16. Eddy's own functions in
/// between are left out: all places are in your code. The job that calls this is "running".
///
/// Throws: `InvalidState` outside a loop.
/// Cost:   linear in jobs and frames; changes nothing.
[[nodiscard]] EDDY_API std::string dump_jobs();

namespace detail {

class Job;

/// One job of the tree, its awaits included.
[[nodiscard]] EDDY_API std::string describe_job(const Job& job, int indent = 0);

}  // namespace detail
}  // namespace eddy::inline v0_1
