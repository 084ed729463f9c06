// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/socket_waits.hpp>

#include "net/socket.hpp"

namespace eddy::inline v0_1::detail {

/// What `adopt` of the public streams and listeners does: first all that may be wrong, then the
/// taking. Until one of these has returned, the descriptor is the caller's, and open.
///
/// `what` is named in errors: "TcpStream::adopt".

/// Throws: `std::invalid_argument` that says what it is instead, `InvalidState` outside a loop,
///         `LoopClosed`, `IoError`.
void check_adoptable(int fd, SocketKind kind, bool listens, const char* what);

/// Of one that has been checked.
[[nodiscard]] SocketRef<Socket> adopt_stream(int fd, SocketKind kind, const char* what);
[[nodiscard]] SocketRef<ListenSocket> adopt_listener(int fd, SocketKind kind, const char* what);

}  // namespace eddy::inline v0_1::detail
