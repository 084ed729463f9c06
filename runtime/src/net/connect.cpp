// SPDX-License-Identifier: MIT
#include <eddy/net/connect.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

#include "../owned_fd.hpp"
#include "sockaddr.hpp"
#include "socket.hpp"

namespace eddy {

Task<TcpStream> connect(Address address) {
    const detail::SocketAddress target = detail::to_sockaddr(address);
    detail::OwnedFd fd(detail::open_stream_socket(address.is_v6() ? AF_INET6 : AF_INET,
                                                  "connect " + address.to_string()));
    detail::set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1, "connect");
    auto* const socket = new detail::Socket(fd.release(), detail::SocketKind::tcp, address);
    TcpStream stream{detail::SocketRef<detail::Socket>(socket)};
    co_await detail::SocketConnect(socket, target);
    co_return stream;
}

}  // namespace eddy
