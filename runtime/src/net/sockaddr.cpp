// SPDX-License-Identifier: MIT
#include "net/sockaddr.hpp"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <system_error>

#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

SocketAddress to_sockaddr(const Address& address) noexcept {
    SocketAddress result;
    if (address.is_v6()) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(address.port());
        v6.sin6_scope_id = address.scope();
        std::memcpy(&v6.sin6_addr, address.bytes().data(), sizeof v6.sin6_addr);
        std::memcpy(&result.storage, &v6, sizeof v6);
        result.length = sizeof v6;
    } else {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(address.port());
        std::memcpy(&v4.sin_addr, address.bytes().data(), sizeof v4.sin_addr);
        std::memcpy(&result.storage, &v4, sizeof v4);
        result.length = sizeof v4;
    }
    return result;
}

Address from_sockaddr(const sockaddr* address) noexcept {
    std::uint8_t bytes[16] = {};
    if (address->sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, address, sizeof v6);
        std::memcpy(bytes, &v6.sin6_addr, 16);
        return Address::from_bytes(bytes, ntohs(v6.sin6_port), v6.sin6_scope_id);
    }
    if (address->sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, address, sizeof v4);
        std::memcpy(bytes, &v4.sin_addr, 4);
        return Address::from_bytes(std::span(bytes).first(4), ntohs(v4.sin_port));
    }
    return {};
}

Address local_address(int fd) {
    SocketAddress local;
    if (getsockname(fd, local.get(), &local.length) != 0) {
        throw IoError(std::error_code(errno, std::system_category()), "local_address");
    }
    return from_sockaddr(local.get());
}

}  // namespace eddy::inline v0_1::detail
