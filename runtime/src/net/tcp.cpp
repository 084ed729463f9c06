// SPDX-License-Identifier: MIT
#include <eddy/net/tcp.hpp>

#include <cerrno>
#include <chrono>
#include <limits>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <utility>

#include <eddy/detail/owned_fd.hpp>
#include <eddy/error.hpp>

#include "net/adopt.hpp"
#include "net/listen_socket.hpp"
#include "net/socket.hpp"

namespace eddy::inline v0_1 {

using detail::set_option;
using detail::Socket;

// --- streams -----------------------------------------------------------------------------------

Address TcpStream::local_address() const {
    Socket& self = socket("local_address");
    self.check_open("local_address");
    return detail::local_address(self.fd());
}

Address TcpStream::peer_address() const { return socket("peer_address").peer(); }

TcpStream TcpStream::adopt(NativeSocket connected) {
    const char* const what = "TcpStream::adopt";
    detail::check_adoptable(connected, detail::SocketKind::tcp, false, what);
    return TcpStream(detail::adopt_stream(connected, detail::SocketKind::tcp, what));
}

void TcpStream::set_nodelay(bool on) {
    Socket& self = socket("set_nodelay");
    self.check_open("set_nodelay");
    set_option(self.fd(), IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0, "set_nodelay");
}

void TcpStream::set_keepalive(const KeepAlive& options) {
    Socket& self = socket("set_keepalive");
    self.check_open("set_keepalive");
    constexpr int most = std::numeric_limits<int>::max();
    if (options.idle.count() <= 0 || options.interval.count() <= 0 || options.count <= 0 ||
        options.idle.count() > most || options.interval.count() > most) {
        throw std::invalid_argument(
            "set_keepalive: idle, interval and count are at least 1, and numbers of 31 bits");
    }
    const char* const what = "set_keepalive";
    set_option(self.fd(), IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(options.idle.count()), what);
    set_option(
        self.fd(), IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(options.interval.count()), what);
    set_option(self.fd(), IPPROTO_TCP, TCP_KEEPCNT, options.count, what);
    set_option(self.fd(), SOL_SOCKET, SO_KEEPALIVE, 1, what);
}

void TcpStream::clear_keepalive() {
    Socket& self = socket("clear_keepalive");
    self.check_open("clear_keepalive");
    set_option(self.fd(), SOL_SOCKET, SO_KEEPALIVE, 0, "clear_keepalive");
}

void TcpStream::set_user_timeout(Duration limit) {
    Socket& self = socket("set_user_timeout");
    self.check_open("set_user_timeout");
    // Not rounded before it is known to be small enough: that could overflow.
    constexpr std::chrono::milliseconds most(std::numeric_limits<int>::max());
    if (limit <= Duration::zero() || limit > most) {
        throw std::invalid_argument(
            "set_user_timeout: the limit is positive, and at most 2^31 - 1 milliseconds");
    }
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(limit);
    set_option(self.fd(),
               IPPROTO_TCP,
               TCP_USER_TIMEOUT,
               static_cast<int>(milliseconds.count()),
               "set_user_timeout");
}

void TcpStream::clear_user_timeout() {
    Socket& self = socket("clear_user_timeout");
    self.check_open("clear_user_timeout");
    set_option(self.fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, 0, "clear_user_timeout");
}

bool TcpStream::used_fast_open() const {
    Socket& self = socket("used_fast_open");
    self.check_open("used_fast_open");
    tcp_info info{};
    socklen_t length = sizeof info;
    if (getsockopt(self.fd(), IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
        detail::throw_io_error(errno, "used_fast_open");
    }
    return (info.tcpi_options & TCPI_OPT_SYN_DATA) != 0;
}

// --- listeners ---------------------------------------------------------------------------------

namespace {

void prepare_listener(int fd, const Address& address, const ListenOptions& options) {
    const std::string what = "listen " + address.to_string();
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, what.c_str());
    if (options.reuse_port) {
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, what.c_str());
    }
    if (address.is_v6()) {
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only ? 1 : 0, what.c_str());
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, what.c_str());  // what it accepts inherits it
    const detail::SocketAddress target = detail::to_sockaddr(address);
    if (::bind(fd, target.get(), target.length) != 0 || ::listen(fd, options.backlog) != 0) {
        detail::throw_io_error(errno, what);
    }
    if (options.fast_open > 0) {
        const int queue = options.fast_open;
        // A system that refuses goes on without: used_fast_open tells.
        static_cast<void>(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof queue));
    }
}

}  // namespace

TcpListener TcpListener::listen(const Address& address, const ListenOptions& options) {
    if (options.backlog < 1) {
        throw std::invalid_argument("TcpListener::listen: the backlog is at least 1");
    }
    if (options.fast_open < 0) {
        throw std::invalid_argument("TcpListener::listen: fast_open is at least 0, which is off");
    }
    detail::OwnedFd fd(detail::open_stream_socket(address.is_v6() ? AF_INET6 : AF_INET,
                                                  "listen " + address.to_string()));
    prepare_listener(fd.get(), address, options);
    const Address local = detail::local_address(fd.get());
    return TcpListener(detail::make_listener(std::move(fd), detail::SocketKind::tcp), local);
}

TcpListener TcpListener::adopt(NativeSocket listening) {
    const char* const what = "TcpListener::adopt";
    detail::check_adoptable(listening, detail::SocketKind::tcp, true, what);
    const Address local = detail::local_address(listening);
    return TcpListener(detail::adopt_listener(listening, detail::SocketKind::tcp, what), local);
}

TcpListener::~TcpListener() { detail::abandon_listener(socket_); }

TcpListener& TcpListener::operator=(TcpListener&& other) noexcept {
    if (this != &other) {
        const TcpListener replaced(std::exchange(socket_, std::move(other.socket_)), local_);
        local_ = other.local_;
    }
    return *this;
}

bool TcpListener::is_open() const {
    return socket_ && detail::listener_of(socket_, "TcpListener::is_open").is_open();
}

ListenerStatistics TcpListener::statistics() const {
    return detail::listener_of(socket_, "TcpListener::statistics").statistics();
}

NativeSocket TcpListener::native_handle() const {
    return detail::native_handle_of(socket_, "TcpListener::native_handle");
}

NativeSocket TcpListener::release() {
    return detail::release_listener(socket_, "TcpListener::release");
}

void TcpListener::close() { detail::listener_to_close(socket_, "TcpListener::close").close(); }

}  // namespace eddy::inline v0_1
