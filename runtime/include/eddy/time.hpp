// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

#include <eddy/detail/compiler.hpp>  // IWYU pragma: keep
#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

/// Every duration of the API: signed nanoseconds, about 292 years either way.
using Duration = std::chrono::nanoseconds;

/// A moment on the loop's clock. The epoch means nothing; compare and subtract only.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// "No deadline": later than everything.
inline constexpr TimePoint never = TimePoint::max();

/// `when + delay` without overflow: a huge delay means `never`, a hugely negative one the far past.
[[nodiscard]] constexpr TimePoint after(TimePoint when, Duration delay) noexcept {
    if (delay >= Duration::zero()) {
        return when > TimePoint::max() - delay ? TimePoint::max() : when + delay;
    }
    return when < TimePoint::min() - delay ? TimePoint::min() : when + delay;
}

/// The current loop's clock, read now (about 40 ns on a real clock).
///
/// Throws: `InvalidState` outside a loop.
[[nodiscard]] EDDY_API TimePoint now();

}  // namespace eddy::inline v0_1
