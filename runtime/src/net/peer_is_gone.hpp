// SPDX-License-Identifier: MIT
#pragma once

#include <exception>

namespace eddy::inline v0_1::detail {

/// Whether `error`, out of a connection's handler, says that the peer went away or fell silent: no
/// failure of ours. Of an `ExceptionGroup`: whether each of its failures does.
///
/// A handler's own deadline (`TimedOut`) is not the peer's doing, nor is what breaks or ends among
/// jobs: a channel, a queue, a promise.
[[nodiscard]] bool peer_is_gone(const std::exception_ptr& error) noexcept;

}  // namespace eddy::inline v0_1::detail
