// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// From the first call on, `fork_generation` counts, and a child knows what it has inherited. A
/// loop and a pool call it before anything else.
EDDY_API void count_forks() noexcept;

EDDY_STATE extern constinit std::atomic<std::uint32_t>
    forks;  // written in the only thread of a fresh child

/// The forks between this process and its first loop: what was made with another number belongs to
/// a parent, with all that they share: descriptors, what a thread that is not here was doing.
[[nodiscard]] inline std::uint32_t fork_generation() noexcept {
    return forks.load(std::memory_order_relaxed);
}

}  // namespace eddy::inline v0_1::detail
