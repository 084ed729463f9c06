// SPDX-License-Identifier: MIT
#include <eddy/net/connect.hpp>

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <eddy/detail/owned_fd.hpp>
#include <eddy/net/happy_eyeballs.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/yield.hpp>

#include "net/sockaddr.hpp"
#include "net/socket.hpp"

namespace eddy::inline v0_1 {

namespace {

/// Counted once, for the stream to be.
detail::Socket* unconnected_socket(const Address& address) {
    detail::OwnedFd fd(detail::open_stream_socket(address.is_v6() ? AF_INET6 : AF_INET,
                                                  "connect " + address.to_string()));
    detail::set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1, "connect");
    return new detail::Socket(fd.release(), detail::SocketKind::tcp, address);
}

void require_another_end(const TcpStream& stream, const Address& address) {
    const Address local = stream.local_address();
    if (local == address || (address.is_any() && local.port() == address.port())) {
        // The kernel picked the target as our own port, and TCP connects two sockets that call each
        // other, or one that calls itself: nobody listens there.
        detail::throw_io_error(ECONNREFUSED, "connect " + address.to_string());
    }
}

}  // namespace

Task<TcpStream> connect(Address address) {
    co_await checkpoint();
    const detail::SocketAddress target = detail::to_sockaddr(address);
    detail::Socket* const socket = unconnected_socket(address);
    TcpStream stream{detail::SocketRef<detail::Socket>(socket)};
    static_cast<void>(co_await detail::SocketConnect(socket, target));
    require_another_end(stream, address);
    co_return stream;
}

Task<TcpStream> connect_fast_open(Address address, std::span<const std::byte> first) {
    co_await checkpoint();
    const detail::SocketAddress target = detail::to_sockaddr(address);
    detail::Socket* const socket = unconnected_socket(address);
    TcpStream stream{detail::SocketRef<detail::Socket>(socket)};
    const std::size_t sent = co_await detail::SocketConnect(socket, target, first);
    require_another_end(stream, address);
    co_await stream.write_all(first.subspan(sent));
    co_return stream;
}

Task<TcpStream> connect(std::string host, std::uint16_t port, ConnectOptions options) {
    const std::string target = host + ':' + std::to_string(port);
    const ResolveOptions lookup{.family = options.family};
    const std::vector<Address> found = co_await resolve(std::move(host), port, lookup);
    std::vector<Address> addresses = interleave_families(found);
    Task<TcpStream> (*const connector)(Address) = &connect;
    co_return co_await connect_first(
        std::move(addresses), connector, options.attempt_delay, target);
}

}  // namespace eddy::inline v0_1
