// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

/// What a loop needs of its process.

namespace eddy::detail {

/// Ignores SIGPIPE if nobody has decided about it.
void ignore_sigpipe() noexcept;

/// Opens /dev/null on those of descriptors 0 to 2 that are closed: libuv aborts on getting one.
void open_standard_fds() noexcept;

/// Counts the forks between this process and its first loop: a loop whose number differs was
/// inherited.
[[nodiscard]] std::uint32_t fork_generation() noexcept;

}  // namespace eddy::detail
