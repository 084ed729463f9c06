// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

// Clang links the sanitizers' own versions of these functions into the program.
#define STORMS_REALTIME_JUMPS 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef STORMS_REALTIME_JUMPS
#define STORMS_REALTIME_JUMPS 0
#endif
#endif

namespace storms {

/// From now on the time of day of this process is so far off: what `clock_gettime`, `gettimeofday`
/// and `time` say. The monotonic clock stays as it is. Any thread.
void set_realtime_off_by(std::chrono::seconds offset) noexcept;

}  // namespace storms
