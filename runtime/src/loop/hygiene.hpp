// SPDX-License-Identifier: MIT
#pragma once

/// What a loop needs of its process.

namespace eddy::inline v0_1::detail {

/// Ignores SIGPIPE if nobody has decided about it.
void ignore_sigpipe() noexcept;

/// Opens /dev/null on those of descriptors 0 to 2 that are closed: libuv aborts on getting one.
void open_standard_fds() noexcept;

}  // namespace eddy::inline v0_1::detail
