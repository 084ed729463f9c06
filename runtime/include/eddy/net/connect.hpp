// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <eddy/detail/export.hpp>
#include <eddy/net/address.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/task.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

/// Connects to an address.
///
/// Throws:       `IoError` ("connect 127.0.0.1:80: Connection refused"), `LoopClosed`.
/// Cancellation: the attempt is cancelled, nothing is left of it.
[[nodiscard]] EDDY_API Task<TcpStream> connect(Address address);

/// Connects, and writes `first`, with the handshake itself if it can: TCP fast open saves a round
/// trip with a server that has been connected to before. Ends when the connection stands and the
/// kernel has taken all of `first`; `TcpStream::used_fast_open` tells how. Where the system does
/// not want to (sysctl net.ipv4.tcp_fastopen lacks 1), or has no cookie of that server yet, this is
/// a `connect` and a `write_all`.
///
/// The server may get what came with the handshake twice: for requests that can be repeated only.
///
/// Throws:       as `connect` and `write_all`.
/// Cancellation: the attempt is cancelled; the server may have got `first`.
[[nodiscard]] EDDY_API Task<TcpStream> connect_fast_open(Address address,
                                                         std::span<const std::byte> first);

struct EDDY_VISIBLE ConnectOptions {
    /// After this long without an answer the next address is tried beside the first.
    Duration attempt_delay = std::chrono::milliseconds(250);
    std::optional<AddressFamily> family = std::nullopt;  ///< nothing: both
};

/// Connects to a host by name: looks it up, then tries its addresses the way of RFC 8305 (Happy
/// Eyeballs), families in turn, each a little after the one before, until one answers.
///
///     TcpStream stream = co_await fail_after(10s, connect("example.com", 443));
///
/// Throws:       what `resolve` throws; `IoError` that lists every attempt.
/// Cancellation: all attempts are cancelled, nothing is left of them.
[[nodiscard]] EDDY_API Task<TcpStream> connect(std::string host,
                                               std::uint16_t port,
                                               ConnectOptions options = {});

}  // namespace eddy::inline v0_1
