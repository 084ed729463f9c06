// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

#include <eddy/time.hpp>

namespace simulation {

/// How an hour goes: clients begin sessions in its first part; all of them have ended by its last
/// minutes, when what is left is counted.
inline constexpr eddy::Duration hour = std::chrono::hours(1);
inline constexpr eddy::Duration busy = std::chrono::minutes(40);
inline constexpr eddy::Duration counted_at = std::chrono::minutes(59);

[[nodiscard]] inline eddy::TimePoint hour_of(eddy::TimePoint when) {
    return eddy::TimePoint(when.time_since_epoch() / hour * hour);
}
[[nodiscard]] inline bool is_busy(eddy::TimePoint when) { return when - hour_of(when) < busy; }
/// That moment, or the beginning of the next hour.
[[nodiscard]] inline eddy::TimePoint busy_moment_after(eddy::TimePoint when) {
    return is_busy(when) ? when : hour_of(when) + hour;
}

}  // namespace simulation
