// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

// Clang links the sanitizers' own version of clock_gettime into the program.
#define EDDY_MONOTONIC_SKEW 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef EDDY_MONOTONIC_SKEW
#define EDDY_MONOTONIC_SKEW 0
#endif
#endif

namespace eddy::testing {

/// While it lives, the steady clock of this process, the real one, can be put forward: for what
/// counts real seconds and must not be waited for. Timed waits on a condition variable that begin
/// meanwhile notice it. One at a time.
class SkippedTime final {
public:
    SkippedTime();
    SkippedTime(const SkippedTime&) = delete;
    SkippedTime& operator=(const SkippedTime&) = delete;
    ~SkippedTime();

    void skip(std::chrono::nanoseconds time) noexcept;
};

}  // namespace eddy::testing
