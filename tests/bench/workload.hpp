// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// What all contenders are given to do.
namespace bench::responsive {

inline constexpr double bare_seconds = 0.3;
inline constexpr std::size_t crowd = 1'000;
inline constexpr std::size_t burst = 100'000;
inline constexpr std::int64_t sleepers_start = 500'000'000;  ///< ns; time enough to start a burst
inline constexpr std::int64_t short_sleep = 200'000;         ///< ns
inline constexpr std::chrono::milliseconds grace{200};
/// Rows that look at the 99.9th percentile take so much longer.
inline constexpr double tail_factor = 2;

/// What the last run of burners got done: millions of units a second.
inline double work_done = 0;

}  // namespace bench::responsive
