// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <eddy/net/address.hpp>

namespace eddy::inline v0_1::detail {

/// An address as the kernel wants it.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = sizeof(sockaddr_storage);

    [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
    [[nodiscard]] const sockaddr* get() const noexcept {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
};

[[nodiscard]] SocketAddress to_sockaddr(const Address& address) noexcept;

/// 0.0.0.0:0 for what is neither IPv4 nor IPv6.
[[nodiscard]] Address from_sockaddr(const sockaddr* address) noexcept;

/// What the socket is bound to. Throws `IoError`.
[[nodiscard]] Address local_address(int fd);

}  // namespace eddy::inline v0_1::detail
