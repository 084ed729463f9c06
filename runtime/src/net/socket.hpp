// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <eddy/detail/socket_waits.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/net/address.hpp>
#include <eddy/net/peer_watch.hpp>
#include <eddy/net/socket_stream.hpp>

#include "net/sockaddr.hpp"
#include "net/socket_errors.hpp"
#include "uv/poll_handle.hpp"

namespace eddy::inline v0_1::detail {

enum class SocketKind : std::uint8_t { tcp, local };

/// The wait for a connection to come about: for `connect` and its kin alone.
class SocketConnect final : public SocketWait {
public:
    /// `first`: to go with the handshake, as much of it as the system takes; `sent` says how much.
    SocketConnect(Socket* socket,
                  const SocketAddress& address,
                  std::span<const std::byte> first = {}) noexcept
        : SocketWait(socket), address_(address), first_(first) {}
    [[nodiscard]] const char* what() const noexcept override { return "connect"; }

    [[nodiscard]] bool try_now();
    void start() noexcept;
    /// How much of `first` the connection has taken along.
    [[nodiscard]] std::size_t take() {
        conclude();
        return sent_;
    }

private:
    friend class Socket;
    void unlink() noexcept override;

    const SocketAddress& address_;
    std::span<const std::byte> first_;
    std::size_t sent_ = 0;
};

/// A stream socket: at most one reader and one writer, served when the loop polls.
///
/// Reading stays armed from the first wait on, until an event finds nobody reading. Then there is
/// `more_`: the next read asks the kernel before it waits.
///
/// Who waits for the peer to hang up is a third party. Watching for that stays armed from the first
/// such wait on, until it has happened; it happens once.
class Socket final : public PollHandle, public PeerWatch {
public:
    /// Takes the descriptor over, also when it throws. `peer` is named in errors.
    Socket(int fd, SocketKind kind, const Address& peer);

    [[nodiscard]] const Address& peer() const noexcept { return peer_; }
    [[nodiscard]] StreamStatistics statistics() const noexcept;

    /// Throws `WrongThread` naming "TcpStream::`what`".
    void check_thread(const char* what) const;
    /// A half may be closed on its loop, and in a forked child.
    void check_may_close() const {
        if (!is_inherited()) {
            check_thread("close");
        }
    }
    /// Throws `ClosedResource` too.
    void check_open(const char* what) const;
    [[noreturn]] void fail(const char* what, int error) const;

    /// Ends the connection, and the waits with `ClosedResource`.
    void close(bool reset) noexcept;
    /// The same, but the connection and its descriptor are the caller's. Throws as
    /// `SocketStream::release`.
    [[nodiscard]] int release_descriptor();
    /// It could not be adopted, and is still the caller's.
    void disown() noexcept { static_cast<void>(give_up()); }
    void drop_reader() noexcept;
    void drop_writer() noexcept;

    /// It has just been accepted: it is watched from now on, unless there is something to read
    /// already, and that may be all. Zero, or an errno.
    [[nodiscard]] int begin_accepted() noexcept;
    /// It has just been adopted, and is watched, now that somebody can be told. The same.
    [[nodiscard]] int begin_adopted() noexcept { return watch(); }

    // --- for the waits -------------------------------------------------------------------------
    [[nodiscard]] bool try_read(SocketRead& read);
    [[nodiscard]] bool try_readable(const SocketReadable& wait);
    /// The starts throw `BusyResource`: another operation of the same select waits there already.
    void start_read(SocketReader& reader);
    void stop_read() noexcept {
        reader_ = nullptr;
        wait_stopped();
    }
    void lose_read() noexcept { read_bars_ |= read_lost; }

    [[nodiscard]] bool try_hang_up(const SocketHangUp& wait);
    void start_hang_up(SocketHangUp& wait);
    void stop_hang_up() noexcept { leaver_ = nullptr; }

    [[nodiscard]] bool try_write(SocketWrite& write);
    void start_write(SocketWrite& write);
    void stop_write() noexcept {
        writer_ = nullptr;
        wait_stopped();
    }

    [[nodiscard]] bool try_connect(SocketConnect& connect);
    void start_connect(SocketConnect& connect) noexcept;
    void stop_connect() noexcept;

    void shut_down(const char* what);

    Socket* next_returned = nullptr;  // for a ListenSocket

private:
    ~Socket() override = default;

    void on_ready(unsigned events) noexcept override;
    void on_loop_end() noexcept override { close(false); }
    [[nodiscard]] bool connect_with_data(SocketConnect& connect) noexcept;
    void connect_ended() noexcept;
    void end_waits() noexcept;
    void forget_waits() noexcept;
    void count_spared() noexcept;
    [[nodiscard]] bool waits_for_peer() const noexcept override {
        return reader_ != nullptr || writer_ != nullptr;
    }
    [[nodiscard]] std::size_t undelivered() const noexcept override;
    void peer_was_silent() noexcept override;

    /// `usable`: what is read into has room.
    [[noreturn]] void refuse_read(const char* what, bool usable) const;
    [[nodiscard]] bool may_read() const noexcept {
        return is_open() && on_loop_thread() && read_bars_ == 0 && reader_ == nullptr;
    }
    /// Before a wait: from here on, `arm` cannot fail. Throws: `IoError`.
    void require_watched(const char* what) {
        if (!is_watched()) [[unlikely]] {
            begin_to_watch(what);
        }
    }
    void begin_to_watch(const char* what);
    [[nodiscard]] bool has_bytes() const noexcept;
    [[nodiscard]] bool read_at_once(SocketRead& read);
    [[noreturn]] void refuse_write(const char* what, unsigned bars) const;
    [[noreturn]] void refuse_second(const SocketHangUp& wait) const;
    /// One system call. True: the operation has ended; `read.error_` says how.
    [[nodiscard]] bool receive(SocketRead& read) noexcept;
    [[nodiscard]] bool try_write_parts(SocketWrite& write);
    [[nodiscard]] bool write_rest(SocketWrite& write, std::ptrdiff_t count);
    /// The rest, after a first system call that returned `count`. True as above.
    [[nodiscard]] bool send(SocketWrite& write, std::ptrdiff_t count) noexcept;
    [[nodiscard]] std::ptrdiff_t send_once(const SocketWrite& write) const noexcept;
    [[nodiscard]] std::ptrdiff_t send_parts(const SocketWrite& write) const noexcept;
    void serve_reader() noexcept;
    void serve_writer() noexcept;
    void heed_end(int error) noexcept;  // zero: an orderly one
    void hung_up() noexcept;
    [[nodiscard]] bool has_hung_up() const noexcept;
    void fail_reading(int error) noexcept;
    void fail_writing(int error) noexcept;
    /// A write that minds these bars may start.
    [[nodiscard]] bool writable_now(unsigned bars) const noexcept {
        return is_open() && on_loop_thread() && bars == 0 && writer_ == nullptr;
    }
    [[nodiscard]] std::string prefix(const char* what) const;

    // Whether a read need not wait: `perhaps` costs a system call to find out.
    enum class More : std::uint8_t { no, perhaps, yes };

    // What bars reading, or writing, for good. Together, so that one compare tells an operation
    // that nothing does.
    enum ReadBar : std::uint8_t {
        read_dropped = 1,
        read_failed = 2,  // with read_error_
        read_lost = 4,    // bytes died with the frame that had received them
    };
    enum WriteBar : std::uint8_t {
        write_dropped = 1,
        write_failed = 2,  // with write_error_
        write_torn = 4,
        write_shut = 8,
    };

    // Invariant: write_torn from the first part of a `write_all` that the kernel took until the
    // last one: if nobody is writing, it was interrupted.
    LoopBound bound_;
    SocketReader* reader_ = nullptr;
    SocketWrite* writer_ = nullptr;
    SocketHangUp* leaver_ = nullptr;  // waits for the peer to hang up
    SocketConnect* connector_ = nullptr;
    std::uint64_t bytes_read_ = 0;
    std::uint64_t bytes_written_ = 0;
    Address peer_;
    int read_error_ = 0;  // what ended reading, or writing; stays
    int write_error_ = 0;
    SocketKind kind_;
    More more_ = More::no;
    bool hung_up_ = false;  // the peer; implies leaver_ == nullptr
    bool spared_ = false;   // it had bytes when it was accepted, so it is not watched yet
    std::uint8_t read_bars_ = 0;
    std::uint8_t write_bars_ = 0;
};

inline void SocketWait::hold() noexcept {
    socket_->retain();
    holds_ = true;
}

inline void SocketWait::end(int error) noexcept {
    error_ = error;
    if (error != 0) [[unlikely]] {
        hold();
    }
    commit();
}

/// A non-blocking socket that no exec inherits. Throws `IoError`.
[[nodiscard]] int open_stream_socket(int family, const std::string& what);

void set_option(int fd, int level, int option, int value, const char* what);

}  // namespace eddy::inline v0_1::detail
