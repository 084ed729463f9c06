// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <string_view>

#include <eddy/detail/export.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

/// A job's id: unique in its loop, never reused, 0 for none.
using JobId = std::uint64_t;

enum class JobState : std::uint8_t {
    pending,     ///< runs or waits
    cancelling,  ///< the same, inside a cancelled scope of its own
    finished,    ///< returned, also when it was cancelled and returned all the same
    failed,      ///< threw
    cancelled,   ///< unwound by a cancellation
};

[[nodiscard]] EDDY_API std::string_view to_string(JobState state) noexcept;

/// What one can see of a job: a snapshot, its strings valid for the call that handed it out.
struct EDDY_VISIBLE JobInfo {
    JobId id = 0;
    JobId parent = 0;       ///< the job that spawned it, 0 for the loop's own
    std::string_view name;  ///< empty if it was given none
    JobState state = JobState::pending;
    // Both are lines of the user's code, never of Eddy's own files: where it calls or awaits Eddy.
    std::source_location spawned;  ///< where
    std::source_location at;       ///< its innermost await, or the head of a body not yet started
    std::string_view waiting_for;  ///< "Lock::acquire", empty while it is ready or runs
    TimePoint waiting_since{};     ///< the turn in which that wait began
    /// When something has woken it, of a job that is ready and has not run since; kept only while
    /// somebody asks for `Observer::ready_times`. A job that yielded, used up its budget or was
    /// just spawned has none: it asked to go behind the others.
    std::optional<TimePoint> ready_since = std::nullopt;
    /// In `Observer::job_abandoned`: the loop that ended has cut it off from what it waited for:
    /// the wait ended with `LoopClosed`.
    bool cut_off = false;
};

}  // namespace eddy::inline v0_1
