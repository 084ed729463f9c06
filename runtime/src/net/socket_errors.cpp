// SPDX-License-Identifier: MIT
// What can be wrong with an operation on a socket, and how it is said.
#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <eddy/detail/peer_gone.hpp>
#include <eddy/error.hpp>

#include "net/socket.hpp"

namespace eddy::inline v0_1::detail {

namespace {

/// Whose fault an error is: the peer's, or the way's to it.
bool peer_is_gone(int error) noexcept {
    switch (error) {
        case ECONNRESET:
        case EPIPE:
        case ETIMEDOUT:
        case ECONNABORTED:
        case ENETRESET:
        case ENETDOWN:
        case ENETUNREACH:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENOTCONN:
            return true;
        default:
            return false;
    }
}

}  // namespace

void throw_io_error(int error, const std::string& what) {
    throw IoError(std::error_code(error, std::system_category()), what);
}

void Socket::check_thread(const char* what) const {
    try {
        bound_.check(what);
    } catch (const WrongThread& error) {
        throw WrongThread((kind_ == SocketKind::tcp ? "TcpStream::" : "UnixStream::") +
                          std::string(error.what()));
    }
}

void Socket::check_open(const char* what) const {
    if (!is_open() || !on_loop_thread()) {
        check_thread(what);
        fail(what, SocketWait::closed);
    }
}

std::string Socket::prefix(const char* what) const {
    std::string_view operation = what;
    if (operation.starts_with("read") || operation == "wait_readable") {
        operation = "read";
    } else if (operation.starts_with("write")) {
        operation = "write";
    }
    const std::string peer = kind_ == SocketKind::tcp ? peer_.to_string() : "unix socket";
    return std::string(operation) + ' ' + peer;
}

void Socket::fail(const char* what, int error) const {
    if (error == SocketWait::closed) {
        throw ClosedResource(prefix(what) + ": the stream was closed, or its loop has ended");
    }
    if (error == SocketWait::silent) {
        throw_silent(prefix(what));
    }
    const std::error_code code(error, std::system_category());
    if (std::string_view(what) != "connect" && peer_is_gone(error)) {
        throw PeerGone(prefix(what) + ": " + code.message());
    }
    throw IoError(code, prefix(what));
}

void Socket::refuse_read(const char* what, bool usable) const {
    check_open(what);
    if ((read_bars_ & read_dropped) != 0) {
        fail(what, SocketWait::closed);
    }
    if (!usable) {
        throw std::invalid_argument("read_some needs a buffer: zero bytes would mean the end");
    }
    if (reader_ != nullptr) {
        throw BusyResource(prefix(what) + ": another job is reading this stream");
    }
    if ((read_bars_ & read_lost) != 0) {
        throw BrokenResource(prefix(what) + ": a job that had received bytes was destroyed");
    }
    fail(what, read_error_);
}

void Socket::refuse_write(const char* what, unsigned bars) const {
    check_open(what);
    if ((bars & write_dropped) != 0) {
        fail(what, SocketWait::closed);
    }
    if (writer_ != nullptr) {
        throw BusyResource(prefix(what) + ": another job is writing this stream");
    }
    if ((bars & write_failed) != 0) {
        fail(what, write_error_);
    }
    if ((bars & write_torn) != 0) {
        throw BrokenResource(prefix(what) +
                             ": an earlier write was cancelled halfway, and nothing can follow "
                             "the half: close the stream");
    }
    throw ClosedResource(prefix(what) + ": the writing side was shut down");
}

}  // namespace eddy::inline v0_1::detail
