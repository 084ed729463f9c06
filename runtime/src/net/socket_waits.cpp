// SPDX-License-Identifier: MIT
#include <eddy/detail/socket_waits.hpp>

#include <string>
#include <utility>

#include <eddy/error.hpp>

#include "net/listen_socket.hpp"
#include "net/socket.hpp"

namespace eddy::inline v0_1::detail {

void release(Socket* socket) noexcept { socket->release(); }
void release(ListenSocket* socket) noexcept { socket->release(); }

// --- any operation -----------------------------------------------------------------------------

void SocketWait::throw_moved_from() const {
    throw InvalidState(std::string(what()) + ": this stream was moved from");
}

void SocketWait::let_go() {
    if (error_ != 0) [[unlikely]] {
        throw_failure();
    }
    holds_ = false;
    socket_->release();
}

void SocketWait::throw_failure() {
    holds_ = false;
    const SocketRef<Socket> held(socket_);
    held->fail(what(), error_);
}

void SocketWait::pass_on() noexcept {
    if (std::exchange(holds_, false)) {
        release(socket_);
    }
}

// --- reading -----------------------------------------------------------------------------------

bool SocketRead::try_now() {
    error_ = 0;  // of an await before
    count_ = 0;
    return socket().try_read(*this);
}
void SocketRead::start() { socket_->start_read(*this); }
void SocketReader::unlink() noexcept { socket_->stop_read(); }

bool SocketReadable::try_now() {
    error_ = 0;  // of an await before
    return socket().try_readable(*this);
}
void SocketReadable::start() { socket_->start_read(*this); }

void SocketRead::pass_on() noexcept {
    if (count_ != 0) {
        socket_->lose_read();
    }
    SocketWait::pass_on();
}

// --- the peer's end ----------------------------------------------------------------------------

bool SocketHangUp::try_now() {
    error_ = 0;  // of an await before
    return socket().try_hang_up(*this);
}
void SocketHangUp::start() { socket_->start_hang_up(*this); }
void SocketHangUp::unlink() noexcept { socket_->stop_hang_up(); }

// --- writing -----------------------------------------------------------------------------------

bool SocketWrite::try_now() {
    error_ = 0;  // of an await before, which began with the first byte too
    next_ = offset_ = sent_ = 0;
    return socket().try_write(*this);
}
void SocketWrite::start() { socket_->start_write(*this); }
void SocketWrite::unlink() noexcept { socket_->stop_write(); }

bool SocketShutdown::try_now() {
    socket().shut_down(what());
    return true;
}

// --- accepting ---------------------------------------------------------------------------------

bool SocketAccept::try_now() {
    if (listener_ == nullptr) {
        throw InvalidState(std::string(name_) + ": this listener was moved from");
    }
    error_ = 0;  // of an await before
    return listener_->try_accept(*this);
}

void SocketAccept::start() noexcept { listener_->start_accept(*this); }

void SocketAccept::hold() noexcept {
    listener_->retain();
    holds_ = true;
}

SocketRef<Socket> SocketAccept::take_socket() {
    holds_ = false;
    const SocketRef<ListenSocket> held(listener_);
    if (error_ != 0) {
        held->fail(name_, error_);
    }
    return SocketRef<Socket>(std::exchange(accepted_, nullptr));
}

void SocketAccept::pass_on() noexcept {
    if (!std::exchange(holds_, false)) {
        return;
    }
    const SocketRef<ListenSocket> held(listener_);
    if (accepted_ != nullptr) {
        held->give_back(*std::exchange(accepted_, nullptr));
    }
}

}  // namespace eddy::inline v0_1::detail
