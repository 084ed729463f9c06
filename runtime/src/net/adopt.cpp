// SPDX-License-Identifier: MIT
#include "net/adopt.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/error.hpp>

#include "net/listen_socket.hpp"
#include "net/sockaddr.hpp"
#include "net/socket_errors.hpp"

namespace eddy::inline v0_1::detail {

namespace {

/// Which function takes such a socket, in the words of an error.
std::string taker(int family, bool listens) {
    return std::string(family == AF_UNIX ? "Unix" : "Tcp") + (listens ? "Listener" : "Stream") +
           "::adopt takes it";
}

/// A descriptor somebody wants adopted, and what one can ask about it.
class Candidate final {
public:
    Candidate(int fd, const char* what) : fd_(fd), what_(what) {}

    [[noreturn]] void refuse(const std::string& reason) const {
        throw std::invalid_argument(std::string(what_) + ": descriptor " + std::to_string(fd_) +
                                    ' ' + reason);
    }

    /// Of SOL_SOCKET.
    [[nodiscard]] int option(int name) const {
        int value = 0;
        socklen_t length = sizeof value;
        if (getsockopt(fd_, SOL_SOCKET, name, &value, &length) != 0) {
            throw_io_error(errno, what_);
        }
        return value;
    }

    void require_stream_socket() const {
        struct stat found{};
        if (::fstat(fd_, &found) != 0) {
            refuse("is not open");
        }
        if (!S_ISSOCK(found.st_mode)) {
            refuse("is no socket");
        }
        const int type = option(SO_TYPE);
        if (type != SOCK_STREAM) {
            refuse(type == SOCK_DGRAM ? "is a datagram socket: a stream is wanted"
                                      : "is a socket, but no stream");
        }
    }

    void require_family(SocketKind kind, bool listens) const {
        const int family = option(SO_DOMAIN);
        const bool internet = family == AF_INET || family == AF_INET6;
        if (kind == SocketKind::tcp ? !internet : family != AF_UNIX) {
            refuse(internet            ? "is of the Internet: " + taker(family, listens)
                   : family == AF_UNIX ? "is a Unix socket: " + taker(family, listens)
                                       : "is of another family: TCP or Unix is wanted");
        }
    }

    void require_listening(bool listens) const {
        const bool does = option(SO_ACCEPTCONN) != 0;
        if (does && !listens) {
            refuse("listens: " + taker(option(SO_DOMAIN), true));
        }
        if (!does && listens) {
            refuse("does not listen");
        }
    }

    /// Throws if it is not connected.
    [[nodiscard]] Address peer() const {
        SocketAddress address;
        if (getpeername(fd_, address.get(), &address.length) != 0) {
            if (errno == ENOTCONN) {
                refuse("is not connected, or not any more");
            }
            throw_io_error(errno, what_);
        }
        return from_sockaddr(address.get());
    }

    /// Neither waits in a system call nor lives on in a child.
    void prepare(SocketKind kind) const {
        int on = 1;
        if (::ioctl(fd_, FIONBIO, &on) != 0 || ::ioctl(fd_, FIOCLEX, nullptr) != 0) {
            throw_io_error(errno, what_);
        }
        if (kind == SocketKind::tcp) {
            set_option(fd_, IPPROTO_TCP, TCP_NODELAY, 1, what_);  // a listener's go to its streams
        }
    }

    /// `error`: of the attempt to watch it.
    [[noreturn]] void cannot_be_watched(int error) const {
        if (error == EEXIST) {
            throw InvalidState(std::string(what_) + ": this loop watches descriptor " +
                               std::to_string(fd_) +
                               " already: it belongs to another stream or listener");
        }
        throw_io_error(error, what_);
    }

private:
    int fd_;
    const char* what_;
};

}  // namespace

void check_adoptable(int fd, SocketKind kind, bool listens, const char* what) {
    // What the constructor of a socket would find too late, when the descriptor is its own.
    if (require_loop(what).root.closed) {
        throw LoopClosed(std::string(what) + ": the loop is ending");
    }
    const Candidate candidate(fd, what);
    candidate.require_stream_socket();
    candidate.require_family(kind, listens);
    candidate.require_listening(listens);
}

SocketRef<Socket> adopt_stream(int fd, SocketKind kind, const char* what) {
    const Candidate candidate(fd, what);
    const Address peer = candidate.peer();
    candidate.prepare(kind);
    SocketRef<Socket> socket(new Socket(fd, kind, peer));
    if (const int error = socket->begin_adopted(); error != 0) {
        socket->disown();
        candidate.cannot_be_watched(error);
    }
    return socket;
}

SocketRef<ListenSocket> adopt_listener(int fd, SocketKind kind, const char* what) {
    const Candidate candidate(fd, what);
    candidate.prepare(kind);
    SocketRef<ListenSocket> socket(new ListenSocket(fd, kind));
    if (const int error = socket->begin(); error != 0) {
        socket->disown();
        candidate.cannot_be_watched(error);
    }
    return socket;
}

}  // namespace eddy::inline v0_1::detail
