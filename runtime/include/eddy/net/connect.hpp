// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/net/address.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/task.hpp>

namespace eddy {

/// Connects to an address.
///
/// Throws:       `IoError` ("connect 127.0.0.1:80: Connection refused"), `LoopClosed`.
/// Cancellation: the attempt is given up, nothing is left of it.
[[nodiscard]] Task<TcpStream> connect(Address address);

}  // namespace eddy
