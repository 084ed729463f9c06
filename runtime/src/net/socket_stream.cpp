// SPDX-License-Identifier: MIT
#include <eddy/net/socket_stream.hpp>

#include <utility>

#include <eddy/error.hpp>
#include <eddy/require.hpp>

#include "net/socket.hpp"

namespace eddy::inline v0_1 {

using detail::Socket;

namespace {

void require_thread(const Socket& socket) noexcept {
    EDDY_REQUIRE(socket.may_let_go(),
                 "an open stream was destroyed off its loop's thread: close it on the loop, or "
                 "move it into a job there");
}

}  // namespace

SocketStream::~SocketStream() {
    if (socket_) {
        require_thread(*socket_.get());
        socket_->close(false);
    }
}

SocketStream& SocketStream::operator=(SocketStream&& other) noexcept {
    if (this != &other) {
        const SocketStream replaced(std::exchange(socket_, std::move(other.socket_)));
    }
    return *this;
}

Socket& SocketStream::socket(const char* what) const {
    if (!socket_) {
        throw InvalidState(std::string(what) + ": this stream was moved from");
    }
    socket_->check_thread(what);
    return *socket_.get();
}

Socket& SocketStream::socket_to_close(const char* what) const {
    return socket_ && socket_->is_inherited() ? *socket_.get() : socket(what);
}

bool SocketStream::is_open() const { return socket_ && socket("is_open").is_open(); }

StreamStatistics SocketStream::statistics() const { return socket("statistics").statistics(); }

PeerWatch& SocketStream::peer_watch() { return socket("peer_watch"); }

void SocketStream::close() { socket_to_close("close").close(false); }

void SocketStream::close_reset() { socket_to_close("close_reset").close(true); }

NativeSocket SocketStream::native_handle() const {
    Socket& self = socket("native_handle");
    self.check_open("native_handle");
    return self.fd();
}

NativeSocket SocketStream::release() { return socket("release").release_descriptor(); }

std::pair<ReadHalf, WriteHalf> SocketStream::split() && {
    Socket& both = socket("split");
    both.retain();
    return {ReadHalf(std::move(socket_)), WriteHalf(detail::SocketRef<Socket>(&both))};
}

// --- halves ------------------------------------------------------------------------------------

ReadHalf::~ReadHalf() {
    if (socket_) {
        require_thread(*socket_.get());
        socket_->drop_reader();
    }
}

ReadHalf& ReadHalf::operator=(ReadHalf&& other) noexcept {
    if (this != &other) {
        const ReadHalf replaced(std::exchange(socket_, std::move(other.socket_)));
    }
    return *this;
}

void ReadHalf::close() {
    if (socket_) {
        socket_->check_may_close();
        socket_->drop_reader();
    }
}

WriteHalf::~WriteHalf() {
    if (socket_) {
        require_thread(*socket_.get());
        socket_->drop_writer();
    }
}

WriteHalf& WriteHalf::operator=(WriteHalf&& other) noexcept {
    if (this != &other) {
        const WriteHalf replaced(std::exchange(socket_, std::move(other.socket_)));
    }
    return *this;
}

void WriteHalf::close() {
    if (socket_) {
        socket_->check_may_close();
        socket_->drop_writer();
    }
}

void WriteHalf::close_reset() {
    if (socket_) {
        socket_->check_may_close();
        socket_->close(true);
    }
}

}  // namespace eddy::inline v0_1
