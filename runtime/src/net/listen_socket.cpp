// SPDX-License-Identifier: MIT
#include "net/listen_socket.hpp"

#include <cerrno>
#include <sys/socket.h>
#include <utility>

#include <eddy/detail/owned_fd.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

namespace {

constexpr int max_attempts = 16;  // in a row, of connections that were gone when they were accepted

/// Errors of the connection that was to be accepted, not of the listener.
bool connection_is_gone(int error) noexcept {
    switch (error) {
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
        case ENOPROTOOPT:
        case ENETDOWN:
        case ENETUNREACH:
        case EHOSTDOWN:
        case EHOSTUNREACH:
            return true;
        default:
            return false;
    }
}

int accept_connection(int fd, SocketAddress& peer) noexcept {
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        peer.length = sizeof peer.storage;
        const int accepted = ::accept4(fd, peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0 || !connection_is_gone(errno)) {
            return accepted;
        }
    }
    errno = EAGAIN;
    return -1;
}

}  // namespace

ListenSocket::ListenSocket(int fd, SocketKind kind) : PollHandle(fd), kind_(kind) {
    bound_.check("a listener");
}

void ListenSocket::fail(const char* what, int error) const {
    if (error == SocketAccept::closed) {
        throw ClosedResource(std::string(what) +
                             ": the listener was closed, or its loop has ended");
    }
    throw_io_error(error, what);
}

void ListenSocket::check_open(const char* what) const {
    if (!is_open() || !on_loop_thread()) {
        fail(what, SocketAccept::closed);
    }
}

bool ListenSocket::try_accept(SocketAccept& accept) {
    check_thread(accept.name_);
    if (!is_open()) {
        fail(accept.name_, SocketAccept::closed);
    }
    if (returned_ != nullptr) {
        accept.accepted_ = std::exchange(returned_, returned_->next_returned);
        accept.hold();
        return true;
    }
    if (!acceptors_.empty()) {
        return false;  // no barging: while others wait, what comes is theirs
    }
    if (!maybe_more_) {
        arm(readable);  // a select that chooses another operation must hear of what comes
        return false;
    }
    if (!accept_once(accept)) {
        return false;
    }
    if (accept.error_ != 0) {
        fail(accept.name_, accept.error_);
    }
    accept.hold();
    return true;
}

void ListenSocket::start_accept(SocketAccept& accept) noexcept {
    acceptors_.push_back(accept);
    arm(readable);
}

bool ListenSocket::accept_once(SocketAccept& accept) noexcept {
    SocketAddress peer;
    OwnedFd connection(accept_connection(fd(), peer));
    if (connection.get() < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        maybe_more_ = false;
        return false;
    }
    maybe_more_ = true;
    if (connection.get() < 0) {
        accept.error_ = errno;
        return true;
    }
    try {
        auto* const socket = new Socket(connection.release(), kind_, from_sockaddr(peer.get()));
        accept.error_ = socket->begin_accepted();
        if (accept.error_ != 0) {
            socket->release();  // which closes it
        } else {
            accept.accepted_ = socket;
            ++accepted_;
        }
    } catch (...) {
        accept.error_ = ENOMEM;
    }
    return true;
}

void ListenSocket::wake(SocketAccept& accept) noexcept {
    accept.unlink_self();
    accept.hold();
    accept.commit();
}

void ListenSocket::on_ready(unsigned) noexcept {
    maybe_more_ = true;
    if (acceptors_.empty()) {
        disarm(readable);
        return;
    }
    while (!acceptors_.empty() && maybe_more_) {
        auto& accept = static_cast<SocketAccept&>(*acceptors_.front());
        if (accept_once(accept)) {
            wake(accept);
        }
    }
    if (!acceptors_.empty()) {
        arm(readable);  // libuv disarms what has an error
    }
}

void ListenSocket::give_back(Socket& socket) noexcept {
    if (!is_open()) {
        socket.close(false);
        socket.release();
    } else if (!acceptors_.empty()) {
        auto& heir = static_cast<SocketAccept&>(*acceptors_.front());
        heir.accepted_ = &socket;
        wake(heir);
    } else {
        socket.next_returned = std::exchange(returned_, &socket);
    }
}

void ListenSocket::close() noexcept {
    if (!is_open()) {
        return;
    }
    const bool inherited = is_inherited();
    close_handle();
    if (inherited) {
        forget_waits();
    } else {
        end_waits();
    }
}

int ListenSocket::release_descriptor() noexcept {
    const int descriptor = give_up();
    end_waits();
    return descriptor;
}

void ListenSocket::drop_returned() noexcept {
    while (returned_ != nullptr) {
        Socket& socket = *std::exchange(returned_, returned_->next_returned);
        socket.close(false);
        socket.release();
    }
}

void ListenSocket::end_waits() noexcept {
    drop_returned();
    while (!acceptors_.empty()) {
        auto& accept = static_cast<SocketAccept&>(*acceptors_.front());
        accept.error_ = SocketAccept::closed;
        wake(accept);
    }
}

/// Of an inherited one: its jobs are another process's, and nothing becomes of them here.
void ListenSocket::forget_waits() noexcept {
    drop_returned();
    while (acceptors_.pop_front() != nullptr) {
    }
}

// --- for the public listeners ------------------------------------------------------------------

ListenSocket& listener_of(const SocketRef<ListenSocket>& socket, const char* what) {
    if (!socket) {
        throw InvalidState(std::string(what) + ": this listener was moved from");
    }
    socket->check_thread(what);
    return *socket.get();
}

ListenSocket& listener_to_close(const SocketRef<ListenSocket>& socket, const char* what) {
    return socket && socket->is_inherited() ? *socket.get() : listener_of(socket, what);
}

int native_handle_of(const SocketRef<ListenSocket>& socket, const char* what) {
    ListenSocket& self = listener_of(socket, what);
    self.check_open(what);
    return self.fd();
}

int release_listener(const SocketRef<ListenSocket>& socket, const char* what) {
    static_cast<void>(native_handle_of(socket, what));
    return socket->release_descriptor();
}

SocketRef<ListenSocket> make_listener(OwnedFd fd, SocketKind kind) {
    SocketRef<ListenSocket> socket(new ListenSocket(fd.release(), kind));
    if (const int error = socket->begin(); error != 0) {
        throw_io_error(error, "a listener");
    }
    return socket;
}

void abandon_listener(const SocketRef<ListenSocket>& socket) noexcept {
    if (socket) {
        EDDY_REQUIRE(socket->may_let_go(),
                     "an open listener was destroyed off its loop's thread: close it on the loop");
        socket->close();
    }
}

}  // namespace eddy::inline v0_1::detail
