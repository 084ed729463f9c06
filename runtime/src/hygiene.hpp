// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

/// What a loop needs of its process.

namespace eddy::detail {

/// Ignores SIGPIPE if nobody has decided about it.
void ignore_sigpipe() noexcept;

/// Opens /dev/null on those of descriptors 0 to 2 that are closed: libuv aborts on getting one.
void open_standard_fds() noexcept;

/// From the first call on, `fork_generation` counts.
void count_forks() noexcept;

inline constinit std::atomic<std::uint32_t> forks{
    0};  // written in the only thread of a fresh child

/// The forks between this process and its first loop: a loop whose number differs was inherited.
[[nodiscard]] inline std::uint32_t fork_generation() noexcept {
    return forks.load(std::memory_order_relaxed);
}

}  // namespace eddy::detail
