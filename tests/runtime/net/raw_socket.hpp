// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/net/address.hpp>

/// Sockets that Eddy has not made, for the tests of what is adopted and released: blocking, and
/// inherited by children, as other libraries leave them.

namespace eddy::testing {

/// A descriptor of the test's own.
class Raw final {
public:
    explicit Raw(int descriptor) noexcept : fd_(descriptor) {}
    Raw(Raw&& other) noexcept : fd_(other.give()) {}
    Raw& operator=(Raw&&) = delete;
    ~Raw() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }

    [[nodiscard]] int get() const noexcept { return fd_; }
    /// To who closes it.
    [[nodiscard]] int give() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_;
};

inline bool is_open_descriptor(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
inline bool is_non_blocking(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }
inline bool is_close_on_exec(int fd) { return (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

inline int int_option(int fd, int level, int option) {
    int value = -1;
    socklen_t length = sizeof value;
    CHECK(::getsockopt(fd, level, option, &value, &length) == 0);
    return value;
}

inline Raw raw_socket(int family, int type) { return Raw(::socket(family, type, 0)); }

/// 127.0.0.1, any port.
inline sockaddr_storage raw_loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_storage storage{};
    std::memcpy(&storage, &address, sizeof address);
    return storage;
}

inline Raw raw_tcp_client(const Address& to) {
    Raw client = raw_socket(AF_INET, SOCK_STREAM);
    const sockaddr_storage target = raw_loopback(to.port());
    CHECK(::connect(
              client.get(), reinterpret_cast<const sockaddr*>(&target), sizeof(sockaddr_in)) == 0);
    return client;
}

inline Raw raw_tcp_listener() {
    Raw listener = raw_socket(AF_INET, SOCK_STREAM);
    const sockaddr_storage any = raw_loopback(0);
    CHECK(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(sockaddr_in)) ==
          0);
    CHECK(::listen(listener.get(), 8) == 0);
    return listener;
}

inline std::pair<Raw, Raw> raw_unix_pair(int type = SOCK_STREAM) {
    int ends[2] = {-1, -1};
    CHECK(::socketpair(AF_UNIX, type, 0, ends) == 0);
    return {Raw(ends[0]), Raw(ends[1])};
}

/// True if some epoll set of this process has it: by what the kernel says of its own.
inline bool is_in_an_epoll_set(int fd) {
    const std::string entry = "tfd:";
    for (int other = 0; other < 1024; ++other) {
        std::ifstream info("/proc/self/fdinfo/" + std::to_string(other));
        std::string word;
        while (info >> word) {
            int number = -1;
            if (word == entry && info >> number && number == fd) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace eddy::testing
