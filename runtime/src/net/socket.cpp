// SPDX-License-Identifier: MIT
// Longer than most: one object, whose reader, writer, connector and wait for a hang-up share its
// states.
#include "net/socket.hpp"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <system_error>
#include <utility>

#include <eddy/detail/peer_gone.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

namespace {

constexpr std::size_t max_parts = 16;  // of one sendmsg
constexpr std::int8_t watched_after_one_in_vain = 15;
constexpr std::int8_t most_spared = 126;

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

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

StreamStatistics Socket::statistics() const noexcept {
    return {.bytes_read = bytes_read_,
            .bytes_written = bytes_written_,
            .reading = reader_ != nullptr,
            .writing = writer_ != nullptr,
            .awaiting_hang_up = leaver_ != nullptr};
}

// --- reading -----------------------------------------------------------------------------------

bool Socket::try_read(SocketRead& read) {
    if (!may_read() || read.into_.empty()) [[unlikely]] {
        refuse_read(read.what(), !read.into_.empty());
    }
    if (more_ == More::no) [[likely]] {
        require_watched(read.what());
        arm(readable);  // a select that chooses another operation must hear of what comes
        return false;
    }
    return read_at_once(read);
}

bool Socket::try_readable(const SocketReadable& wait) {
    if (!may_read()) [[unlikely]] {
        refuse_read(wait.what(), true);
    }
    if (more_ == More::perhaps) {
        more_ = has_bytes() ? More::yes : More::no;  // of an end, the poll tells
    }
    if (more_ == More::yes) {
        return true;
    }
    require_watched(wait.what());
    arm(readable);
    return false;
}

[[gnu::noinline]] bool Socket::read_at_once(SocketRead& read) {
    if (!receive(read)) {
        require_watched(read.what());
        return false;
    }
    if (read.count_ == 0) {
        heed_end(read.error_);
    }
    if (read.error_ != 0) {
        fail(read.what(), read.error_);
    }
    return true;
}

void Socket::start_read(SocketReader& reader) {
    if (reader_ != nullptr) [[unlikely]] {
        refuse_read(reader.what(), true);
    }
    reader_ = &reader;
    wait_began();
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
        moved();
        more_ = read.count_ == read.into_.size() ? More::perhaps : More::no;
        return true;
    }
    if (count == 0) {
        // The kernel tells of a reset once. If a write was told, this is no orderly end.
        fail_reading(kind_ == SocketKind::tcp ? write_error_ : 0);
        more_ = More::yes;
    } else if (would_block(errno)) {
        more_ = More::no;
        return false;
    } else {
        fail_reading(errno);
    }
    read.error_ = read_error_;
    return true;
}

// A connection often brings its first request with it. If that is there when the connection is
// accepted, and all there is, the loop need not watch the socket at all, which spares it six system
// calls of libuv's. One call finds out. When it has been in vain, because nothing was there or more
// was waited for, the next connections are watched at once.

/// `sparing` says how many more may be spared before it is known what has become of the last ones;
/// below zero, how many are watched until one may be spared again.
int Socket::begin_accepted() noexcept {
    std::int8_t& sparing = core().sparing;
    if (sparing > 0) {
        if (has_bytes()) {
            --sparing;
            more_ = More::yes;
            spared_ = true;
            return 0;
        }
        sparing = -watched_after_one_in_vain;
    } else if (sparing < 0) {
        ++sparing;
        sparing = sparing == 0 ? std::int8_t{1} : sparing;
    }
    return watch();
}

bool Socket::has_bytes() const noexcept {
    int length = 0;
    return ::ioctl(fd(), FIONREAD, &length) == 0 && length > 0;
}

void Socket::begin_to_watch(const char* what) {
    if (std::exchange(spared_, false)) {
        core().sparing = -watched_after_one_in_vain;
    }
    const int error = watch();
    if (error != 0) {
        fail(what, error);
    }
}

void Socket::fail_reading(int error) noexcept {
    read_error_ = error;
    if (error != 0) {
        read_bars_ |= read_failed;
    }
}

// --- the peer's end ----------------------------------------------------------------------------

/// Only the first time the kernel is asked: from then on it tells.
bool Socket::try_hang_up(const SocketHangUp& wait) {
    check_open(wait.what());
    if ((read_bars_ & read_dropped) != 0) {
        fail(wait.what(), SocketWait::closed);
    }
    if (leaver_ != nullptr) {
        refuse_second(wait);
    }
    if (hung_up_) {
        return true;
    }
    require_watched(wait.what());
    if (!is_armed(disconnected) && has_hung_up()) {
        hung_up();
    }
    return hung_up_;
}

void Socket::refuse_second(const SocketHangUp& wait) const {
    throw BusyResource(prefix(wait.what()) +
                       ": another job waits for the peer of this stream to hang up");
}

void Socket::start_hang_up(SocketHangUp& wait) {
    if (leaver_ != nullptr) {
        refuse_second(wait);
    }
    leaver_ = &wait;
    arm(disconnected);
}

/// An error counts: it is the connection's end. A call that fails does not know; the loop will.
bool Socket::has_hung_up() const noexcept {
    pollfd state{.fd = fd(), .events = POLLRDHUP, .revents = 0};
    return ::poll(&state, 1, 0) == 1;
}

/// What an operation was told. After that one has ended: if both are of one select, it has them
/// unlink each other.
void Socket::heed_end(int error) noexcept {
    if (error == 0 || error == SocketWait::silent || is_fault_of_peer(error)) {
        hung_up();
    }
}

void Socket::hung_up() noexcept {
    hung_up_ = true;
    if (SocketHangUp* leaver = std::exchange(leaver_, nullptr)) {
        leaver->end(0);
    }
}

// --- writing -----------------------------------------------------------------------------------

void Socket::fail_writing(int error) noexcept {
    write_error_ = error;
    write_bars_ |= write_failed;
}

/// The usual case in few steps: one span, and there is room for all of it.
bool Socket::try_write(SocketWrite& write) {
    if (!writable_now(write_bars_)) [[unlikely]] {
        refuse_write(write.what(), write_bars_);
    }
    if (write.spans_.size() != 1 || write.spans_.front().empty()) [[unlikely]] {
        return try_write_parts(write);
    }
    const auto bytes = write.spans_.front();
    const std::ptrdiff_t count = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count != std::ssize(bytes)) [[unlikely]] {
        return write_rest(write, count);
    }
    bytes_written_ += bytes.size();
    moved();
    write.sent_ = bytes.size();
    write.next_ = 1;
    return true;
}

bool Socket::try_write_parts(SocketWrite& write) {
    write.advance(0);
    return write.finished() || write_rest(write, send_once(write));
}

bool Socket::write_rest(SocketWrite& write, std::ptrdiff_t count) {
    const bool ended = send(write, count);
    if (write.error_ != 0) {
        heed_end(write.error_);
        fail(write.what(), write.error_);
    }
    if (!ended) {
        require_watched(write.what());
    }
    return ended;
}

void Socket::start_write(SocketWrite& write) {
    if (writer_ != nullptr) [[unlikely]] {
        refuse_write(write.what(), write_bars_);
    }
    if (!is_open()) {  // closed since it was tried, by code that a select has called
        write.end(SocketWait::closed);
        return;
    }
    writer_ = &write;
    wait_began();
    arm(writable);
}

std::ptrdiff_t Socket::send_once(const SocketWrite& write) const noexcept {
    if (write.next_ + 1 != write.spans_.size()) {
        return send_parts(write);
    }
    const auto rest = write.spans_[write.next_].subspan(write.offset_);
    return ::send(fd(), rest.data(), rest.size(), MSG_NOSIGNAL);
}

std::ptrdiff_t Socket::send_parts(const SocketWrite& write) const noexcept {
    const auto first = write.spans_[write.next_].subspan(write.offset_);
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
bool Socket::send(SocketWrite& write, std::ptrdiff_t count) noexcept {
    for (;; count = send_once(write)) {
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
        const std::size_t before = write.next_;
        bytes_written_ += static_cast<std::uint64_t>(count);
        moved();
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
    const unsigned bars = write_bars_ & ~unsigned{write_shut};
    if (!writable_now(bars)) {
        refuse_write(what, bars);
    }
    if ((write_bars_ & write_shut) == 0) {
        write_bars_ |= write_shut;
        if (::shutdown(fd(), SHUT_WR) != 0) {
            fail_writing(errno);
            heed_end(write_error_);
            fail(what, write_error_);
        }
    }
}

// --- connecting --------------------------------------------------------------------------------

bool Socket::try_connect(SocketConnect& connect) {
    if (connect.first_.empty() || !connect_with_data(connect)) {
        if (::connect(fd(), connect.address_.get(), connect.address_.length) == 0) {
            return true;
        }
        if (errno != EINPROGRESS && errno != EINTR) {
            fail(connect.what(), errno);
        }
    }
    if (const int error = watch(); error != 0) {
        fail(connect.what(), error);
    }
    return false;
}

/// TCP fast open. True: it is under way, with its first bytes if the system has a cookie of the
/// server's. False, whatever the reason: nothing has happened, `connect` goes on without, and says
/// what is wrong if that is not the fast open alone.
bool Socket::connect_with_data(SocketConnect& connect) noexcept {
    iovec part{const_cast<std::byte*>(connect.first_.data()), connect.first_.size()};
    SocketAddress target = connect.address_;
    msghdr message{};
    message.msg_name = target.get();
    message.msg_namelen = target.length;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t count = ::sendmsg(fd(), &message, MSG_FASTOPEN | MSG_NOSIGNAL);
    connect.sent_ = count > 0 ? static_cast<std::size_t>(count) : 0;
    bytes_written_ += connect.sent_;
    moved();
    return count > 0 || errno == EINPROGRESS;
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

void Socket::serve_reader() noexcept {
    if (!reader_->takes_bytes_) {
        more_ = More::yes;
        std::exchange(reader_, nullptr)->end(0);
        return;
    }
    auto& read = static_cast<SocketRead&>(*reader_);
    if (receive(read)) [[likely]] {
        const bool over = read.count_ == 0;
        const int error = read.error_;
        reader_ = nullptr;
        read.end(error);
        if (over) [[unlikely]] {
            heed_end(error);
        }
    } else {
        arm(readable);  // libuv disarms what has an error
    }
}

void Socket::serve_writer() noexcept {
    if (send(*writer_, send_once(*writer_))) {
        SocketWrite& write = *std::exchange(writer_, nullptr);
        const int error = write.error_;
        write.end(error);
        if (error != 0) {
            heed_end(error);
        }
    } else {
        arm(writable);
    }
}

void Socket::on_ready(unsigned events) noexcept {
    if (events == readable && reader_ != nullptr) [[likely]] {  // so it is not connecting
        serve_reader();
        return;
    }
    if (connector_ != nullptr) [[unlikely]] {
        connect_ended();
        return;
    }
    unsigned unwanted = 0;
    if ((events & readable) != 0) {
        if (reader_ == nullptr) {
            more_ = More::yes;
            unwanted |= readable;
        } else {
            serve_reader();
        }
    }
    if ((events & writable) != 0) {
        if (writer_ == nullptr) {
            unwanted |= writable;
        } else {
            serve_writer();
        }
    }
    if ((events & disconnected) != 0) {
        unwanted |= disconnected;
        hung_up();
    }
    if (unwanted != 0) {
        disarm(unwanted);
    }
}

// --- a silent peer -----------------------------------------------------------------------------

std::size_t Socket::undelivered() const noexcept {
    int bytes = 0;
    return is_open() && ::ioctl(fd(), TIOCOUTQ, &bytes) == 0 && bytes > 0
               ? static_cast<std::size_t>(bytes)
               : 0;
}

/// A write that waits for such a peer is torn even before its first byte: what was written earlier
/// is still in the kernel, and must not stay there for as long as the peer likes.
void Socket::peer_was_silent() noexcept {
    fail_reading(SocketWait::silent);
    fail_writing(SocketWait::silent);
    if (SocketReader* reader = std::exchange(reader_, nullptr)) {
        reader->end(SocketWait::silent);
    }
    if (SocketWrite* write = std::exchange(writer_, nullptr)) {
        write_bars_ |= write_torn;
        write->end(SocketWait::silent);
    }
    hung_up();
}

// --- the end -----------------------------------------------------------------------------------

void Socket::close(bool reset) noexcept {
    if (!is_open()) {
        return;
    }
    leave();
    const bool inherited = is_inherited();
    if ((reset || (write_bars_ & write_torn) != 0) && !inherited) {
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        static_cast<void>(setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    }
    count_spared();
    close_handle();
    if (inherited) {
        forget_waits();
    } else {
        end_waits();
    }
}

int Socket::release_descriptor() {
    check_open("release");
    if ((write_bars_ & write_torn) != 0 || (read_bars_ & read_lost) != 0) {
        throw InvalidState(prefix("release") +
                           ((write_bars_ & write_torn) != 0
                                ? ": a write has sent a part of what it was given, and nobody can "
                                  "go on from there: close the stream"
                                : ": a job that had received bytes was destroyed with them: close "
                                  "the stream"));
    }
    leave();
    count_spared();
    const int descriptor = give_up();
    end_waits();
    return descriptor;
}

/// It has not been watched until its end.
void Socket::count_spared() noexcept {
    if (spared_ && core().sparing >= 0 && core().sparing < most_spared) {
        core().sparing += 2;  // for once it paid: twice as many may be next
    }
}

void Socket::end_waits() noexcept {
    EDDY_ASSERT(connector_ == nullptr);  // who connects has it alone
    if (SocketReader* reader = std::exchange(reader_, nullptr)) {
        reader->end(SocketWait::closed);
    }
    if (SocketWrite* write = std::exchange(writer_, nullptr)) {
        write->end(SocketWait::closed);
    }
    if (SocketHangUp* leaver = std::exchange(leaver_, nullptr)) {
        leaver->end(SocketWait::closed);
    }
}

/// Of an inherited one: its jobs are another process's, and nothing becomes of them here.
void Socket::forget_waits() noexcept {
    reader_ = nullptr;
    writer_ = nullptr;
    leaver_ = nullptr;
}

void Socket::drop_reader() noexcept {
    read_bars_ |= read_dropped;
    if ((write_bars_ & write_dropped) != 0) {
        close(false);
        return;
    }
    if (is_inherited()) {
        return;  // the jobs that wait are the parent's
    }
    if (SocketReader* reader = std::exchange(reader_, nullptr)) {
        reader->end(SocketWait::closed);
    }
    if (SocketHangUp* leaver = std::exchange(leaver_, nullptr)) {
        leaver->end(SocketWait::closed);
    }
}

void Socket::drop_writer() noexcept {
    write_bars_ |= write_dropped;
    if ((read_bars_ & read_dropped) != 0) {
        close(false);
        return;
    }
    if (is_inherited()) {
        return;
    }
    if (SocketWrite* write = std::exchange(writer_, nullptr)) {
        write->end(SocketWait::closed);
    }
    // Neither torn, nor failed, nor shut.
    if (is_open() && write_bars_ == write_dropped) {
        write_bars_ |= write_shut;
        static_cast<void>(::shutdown(fd(), SHUT_WR));  // fails when the peer is gone already
    }
}

// --- what is wrong -----------------------------------------------------------------------------

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
    if (std::string_view(what) != "connect" && is_fault_of_peer(error)) {
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

// --- the wait for a connection -----------------------------------------------------------------

bool SocketConnect::try_now() { return socket().try_connect(*this); }
void SocketConnect::start() noexcept { socket_->start_connect(*this); }
void SocketConnect::unlink() noexcept { socket_->stop_connect(); }

}  // namespace eddy::inline v0_1::detail
