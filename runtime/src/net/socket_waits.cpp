// SPDX-License-Identifier: MIT
#include <eddy/detail/socket_waits.hpp>

#include <utility>

#include <eddy/error.hpp>

#include "socket.hpp"

namespace eddy::detail {

void release(Socket* socket) noexcept { socket->release(); }

// --- any operation -----------------------------------------------------------------------------

Socket& SocketWait::socket() const {
    if (socket_ == nullptr) [[unlikely]] {
        throw InvalidState(std::string(name_) + ": this stream was moved from");
    }
    return *socket_;
}

void SocketWait::hold() noexcept {
    socket_->retain();
    holds_ = true;
}

void SocketWait::end(int error) noexcept {
    error_ = error;
    hold();
    commit();
}

void SocketWait::conclude() {
    holds_ = false;
    const SocketRef<Socket> held(socket_);
    if (error_ != 0) [[unlikely]] {
        held->fail(name_, error_);
    }
}

void SocketWait::pass_on() noexcept {
    if (std::exchange(holds_, false)) {
        release(socket_);
    }
}

// --- reading -----------------------------------------------------------------------------------

bool SocketRead::try_now() { return socket().try_read(*this); }
void SocketRead::start() noexcept { socket_->start_read(*this); }
void SocketRead::unlink() noexcept { socket_->stop_read(); }

void SocketRead::pass_on() noexcept {
    if (count_ != 0) {
        socket_->lose_read();
    }
    SocketWait::pass_on();
}

// --- writing -----------------------------------------------------------------------------------

bool SocketWrite::try_now() { return socket().try_write(*this); }
void SocketWrite::start() noexcept { socket_->start_write(*this); }
void SocketWrite::unlink() noexcept { socket_->stop_write(); }

void SocketWrite::advance(std::size_t count) noexcept {
    sent_ += count;
    offset_ += count;
    while (next_ < spans_.size() && offset_ >= spans_[next_].size()) {
        offset_ -= spans_[next_].size();
        ++next_;
    }
}

bool SocketShutdown::try_now() {
    socket().shut_down(name_);
    return true;
}

// --- connecting --------------------------------------------------------------------------------

bool SocketConnect::try_now() { return socket().try_connect(*this); }
void SocketConnect::start() noexcept { socket_->start_connect(*this); }
void SocketConnect::unlink() noexcept { socket_->stop_connect(); }

}  // namespace eddy::detail
