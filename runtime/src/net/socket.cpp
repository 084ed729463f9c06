// SPDX-License-Identifier: MIT
#include "socket.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <sys/uio.h>
#include <system_error>
#include <utility>

#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

namespace eddy::detail {

namespace {

constexpr std::size_t max_parts = 16;  // of one sendmsg

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

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

int open_stream_socket(int family, const std::string& what) {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        throw_io_error(errno, what);
    }
    return fd;
}

void set_option(int fd, int level, int option, int value, const char* what) {
    if (setsockopt(fd, level, option, &value, sizeof value) != 0) {
        throw_io_error(errno, what);
    }
}

Socket::Socket(int fd, SocketKind kind, const Address& peer)
    : PollHandle(fd), peer_(peer), kind_(kind) {
    static_assert(noexcept(Address(peer)), "nothing may throw while libuv knows half an object");
    bound_.check("a socket");
}

// --- what can be wrong -------------------------------------------------------------------------

void Socket::check_thread(const char* what) const {
    try {
        bound_.check(what);
    } catch (const WrongThread& error) {
        throw WrongThread((kind_ == SocketKind::tcp ? "TcpStream::" : "UnixStream::") +
                          std::string(error.what()));
    }
}

void Socket::refuse(const char* what) const {
    check_thread(what);
    fail(what, SocketWait::closed);
}

std::string Socket::prefix(const char* what) const {
    std::string_view operation = what;
    if (operation.starts_with("read")) {
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
    const std::error_code code(error, std::system_category());
    if (std::string_view(what) != "connect" && peer_is_gone(error)) {
        throw BrokenResource(prefix(what) + ": " + code.message());
    }
    throw IoError(code, prefix(what));
}

StreamStatistics Socket::statistics() const noexcept {
    return {.bytes_read = bytes_read_,
            .bytes_written = bytes_written_,
            .reading = reader_ != nullptr,
            .writing = writer_ != nullptr};
}

// --- reading -----------------------------------------------------------------------------------

void Socket::refuse_read(const SocketRead& read) const {
    check_open(read.name_);
    if ((read_bars_ & read_dropped) != 0) {
        fail(read.name_, SocketWait::closed);
    }
    if (read.into_.empty()) {
        throw std::invalid_argument("read_some needs a buffer: zero bytes would mean the end");
    }
    if (reader_ != nullptr) {
        throw BusyResource(prefix(read.name_) + ": another job is reading this stream");
    }
    if ((read_bars_ & read_lost) != 0) {
        throw BrokenResource(prefix(read.name_) + ": a job that had received bytes was destroyed");
    }
    fail(read.name_, read_error_);
}

bool Socket::try_read(SocketRead& read) {
    if (!is_open() || !on_loop_thread() || read_bars_ != 0 || reader_ != nullptr ||
        read.into_.empty()) [[unlikely]] {
        refuse_read(read);
    }
    if (!maybe_more_ || !receive(read)) [[likely]] {
        return false;
    }
    if (read.error_ != 0) {
        fail(read.name_, read.error_);
    }
    return true;
}

void Socket::start_read(SocketRead& read) noexcept {
    reader_ = &read;
    arm(readable);
}

bool Socket::receive(SocketRead& read) noexcept {
    ssize_t count = 0;
    do {
        count = ::recv(fd(), read.into_.data(), read.into_.size(), 0);
    } while (count < 0 && errno == EINTR);
    if (count > 0) [[likely]] {
        read.count_ = static_cast<std::size_t>(count);
        read.hold();
        bytes_read_ += read.count_;
        maybe_more_ = read.count_ == read.into_.size();
        return true;
    }
    if (count == 0) {
        // The kernel tells of a reset once. If a write was told, this is no orderly end.
        fail_reading(kind_ == SocketKind::tcp ? write_error_ : 0);
        maybe_more_ = true;
    } else if (would_block(errno)) {
        maybe_more_ = false;
        return false;
    } else {
        fail_reading(errno);
    }
    read.error_ = read_error_;
    return true;
}

void Socket::fail_reading(int error) noexcept {
    read_error_ = error;
    if (error != 0) {
        read_bars_ |= read_failed;
    }
}

// --- writing -----------------------------------------------------------------------------------

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

void Socket::fail_writing(int error) noexcept {
    write_error_ = error;
    write_bars_ |= write_failed;
}

bool Socket::try_write(SocketWrite& write) {
    check_writable(write.name_, write_bars_);
    if (write.spans_.empty() || write.spans_.front().empty()) [[unlikely]] {
        write.advance(0);
        if (write.finished()) {
            return true;
        }
    }
    if (!send(write)) [[unlikely]] {
        return false;
    }
    if (write.error_ != 0) [[unlikely]] {
        fail(write.name_, write.error_);
    }
    return true;
}

void Socket::start_write(SocketWrite& write) noexcept {
    writer_ = &write;
    arm(writable);
}

std::ptrdiff_t Socket::send_once(const SocketWrite& write) noexcept {
    const auto first = write.spans_[write.next_].subspan(write.offset_);
    if (write.next_ + 1 == write.spans_.size()) {
        return ::send(fd(), first.data(), first.size(), MSG_NOSIGNAL);
    }
    iovec parts[max_parts];
    const std::size_t count = std::min(max_parts, write.spans_.size() - write.next_);
    for (std::size_t i = 0; i < count; ++i) {
        const auto part = i == 0 ? first : write.spans_[write.next_ + i];
        parts[i] = {const_cast<std::byte*>(part.data()), part.size()};  // only read from
    }
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    return ::sendmsg(fd(), &message, MSG_NOSIGNAL);
}

/// A short send means that the buffer is full: that of the next one would be in vain. But one of
/// `max_parts` parts is short of the rest, not of room.
bool Socket::send(SocketWrite& write) noexcept {
    while (true) {
        const std::size_t before = write.next_;
        const std::ptrdiff_t count = send_once(write);
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            if (would_block(errno)) {
                return false;
            }
            write.error_ = errno;
            fail_writing(write.error_);
            return true;
        }
        bytes_written_ += static_cast<std::uint64_t>(count);
        write.advance(static_cast<std::size_t>(count));
        if (write.finished() || write.amount_ == SocketWrite::Amount::some) [[likely]] {
            write_bars_ &= static_cast<std::uint8_t>(~write_torn);
            return true;
        }
        write_bars_ |= write_torn;
        if (write.spans_.size() <= before + max_parts || write.next_ < before + max_parts) {
            return false;
        }
    }
}

void Socket::shut_down(const char* what) {
    check_writable(what, write_bars_ & ~unsigned{write_shut});
    if ((write_bars_ & write_shut) == 0) {
        write_bars_ |= write_shut;
        if (::shutdown(fd(), SHUT_WR) != 0) {
            fail_writing(errno);
            fail(what, write_error_);
        }
    }
}

// --- connecting --------------------------------------------------------------------------------

bool Socket::try_connect(SocketConnect& connect) {
    if (::connect(fd(), connect.address_.get(), connect.address_.length) == 0) {
        return true;
    }
    if (errno != EINPROGRESS && errno != EINTR) {
        fail(connect.name_, errno);
    }
    return false;
}

void Socket::start_connect(SocketConnect& connect) noexcept {
    connector_ = &connect;
    ++thread_state.core->in_flight;
    arm(writable);
}

void Socket::stop_connect() noexcept {
    connector_ = nullptr;
    --thread_state.core->in_flight;
}

void Socket::connect_ended() noexcept {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) {
        error = errno;
    }
    disarm(writable);
    SocketConnect& connect = *connector_;
    stop_connect();
    connect.end(error);
}

// --- events ------------------------------------------------------------------------------------

void Socket::on_ready(unsigned events) noexcept {
    if (connector_ != nullptr) [[unlikely]] {
        connect_ended();
        return;
    }
    unsigned unwanted = 0;
    if ((events & readable) != 0) {
        if (reader_ == nullptr) {
            maybe_more_ = true;
            unwanted |= readable;
        } else if (receive(*reader_)) {
            SocketRead& read = *std::exchange(reader_, nullptr);
            read.end(read.error_);
        } else {
            arm(readable);  // libuv disarms what has an error
        }
    }
    if ((events & writable) != 0) {
        if (writer_ == nullptr) {
            unwanted |= writable;
        } else if (send(*writer_)) {
            SocketWrite& write = *std::exchange(writer_, nullptr);
            write.end(write.error_);
        } else {
            arm(writable);
        }
    }
    if (unwanted != 0) {
        disarm(unwanted);
    }
}

// --- the end -----------------------------------------------------------------------------------

void Socket::close(bool reset) noexcept {
    if (!is_open()) {
        return;
    }
    if (reset || (write_bars_ & write_torn) != 0) {
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        static_cast<void>(setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    }
    close_handle();
    if (SocketRead* read = std::exchange(reader_, nullptr)) {
        read->end(SocketWait::closed);
    }
    if (SocketWrite* write = std::exchange(writer_, nullptr)) {
        write->end(SocketWait::closed);
    }
    if (SocketConnect* connect = connector_) {
        stop_connect();
        connect->end(SocketWait::closed);
    }
}

void Socket::drop_reader() noexcept {
    read_bars_ |= read_dropped;
    if ((write_bars_ & write_dropped) != 0) {
        close(false);
    } else if (SocketRead* read = std::exchange(reader_, nullptr)) {
        read->end(SocketWait::closed);
    }
}

void Socket::drop_writer() noexcept {
    write_bars_ |= write_dropped;
    if ((read_bars_ & read_dropped) != 0) {
        close(false);
        return;
    }
    if (SocketWrite* write = std::exchange(writer_, nullptr)) {
        write->end(SocketWait::closed);
    }
    if (is_open() && write_bars_ == write_dropped) {  // neither torn, nor failed, nor shut
        write_bars_ |= write_shut;
        static_cast<void>(::shutdown(fd(), SHUT_WR));  // fails when the peer is gone already
    }
}

}  // namespace eddy::detail
