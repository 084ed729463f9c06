// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/export.hpp>
#include <eddy/job_info.hpp>

namespace eddy::inline v0_1 {

/// The job that runs on this thread now: its id and name, who spawned it and where.
///
///     log("job {} ({}): accepted {}", current_job().id, current_job().name, address);
///
/// Outside of jobs (before `run`, in `post`ed functions, timers' functions, an attached loop's
/// host, other threads) its `id` is 0 and its `name` empty, as `JobId` says. For a value of the
/// job's own see `TaskLocal`; for another job `JoinHandle::info`.
///
/// Throws:    nothing.
/// Threading: any; each thread has the job that it runs.
/// Lifetime:  a snapshot; its strings are valid while the job lives.
[[nodiscard]] EDDY_API JobInfo current_job() noexcept;

}  // namespace eddy::inline v0_1
