// SPDX-License-Identifier: MIT
#pragma once

namespace eddy::inline v0_1::detail {

/// Nice values are a thread's own on Linux, and the process's elsewhere: there both do nothing.
inline constexpr int nicest = 19;

/// That of the current thread, -20 to 19.
[[nodiscard]] int thread_niceness() noexcept;

/// Makes the current thread as nice as that, 19 at most. Does its best: a thread that is nicer
/// already may only go back with the right to.
void set_thread_niceness(int nice) noexcept;

}  // namespace eddy::inline v0_1::detail
