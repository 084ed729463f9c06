// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <limits>

namespace eddy::inline v0_1 {

/// The capacity of a queue or channel that takes whatever comes: said aloud, because nothing then
/// slows a producer down.
inline constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

}  // namespace eddy::inline v0_1
