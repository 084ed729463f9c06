// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/socket_waits.hpp>
#include <eddy/net/stream.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE StreamStatistics {
    std::uint64_t bytes_read = 0;
    std::uint64_t bytes_written = 0;  ///< taken by the kernel
    bool reading = false;             ///< a job waits for bytes
    bool writing = false;             ///< a job waits for room
    bool awaiting_hang_up = false;    ///< a job waits for the peer to hang up
};

struct EDDY_VISIBLE ListenerStatistics {
    std::uint64_t accepted = 0;
    std::size_t waiters = 0;  ///< jobs in `accept`
};

/// A socket of the system's: here a descriptor.
using NativeSocket = int;

class PeerWatch;
class ReadHalf;
class WriteHalf;

namespace detail {

/// How a stream and its write half write.
class SocketWriting {
public:
    /// Writes as much as fits, at least one byte, and returns how much. Zero only for no bytes.
    [[nodiscard]] SocketWriteSome write_some(std::span<const std::byte> bytes) noexcept {
        return {socket_.get(), bytes};
    }

    /// Writes everything: ends when the kernel has taken the last byte.
    [[nodiscard]] SocketWriteAll write_all(std::span<const std::byte> bytes) noexcept {
        return {socket_.get(), bytes};
    }
    [[nodiscard]] SocketWriteAll write_all(std::string_view text) noexcept {
        return {socket_.get(), std::as_bytes(std::span(text))};
    }
    /// One after the other, without copying them together. The list lives until the await ends too.
    [[nodiscard]] SocketWriteAll write_all(
        std::span<const std::span<const std::byte>> parts) noexcept {
        return {socket_.get(), parts};
    }

    /// Of a temporary string, vector or array: to be awaited in the same expression.
    template <TemporaryOwner Owner>
    [[nodiscard]] OfTemporary<SocketWriteSome> write_some(Owner&& bytes) noexcept {
        return {socket_.get(), std::span<const std::byte>(bytes)};
    }
    template <TemporaryOwner Owner>
    [[nodiscard]] OfTemporary<SocketWriteAll> write_all(Owner&& bytes) noexcept {
        if constexpr (std::is_convertible_v<Owner&, std::string_view>) {
            return {socket_.get(), std::as_bytes(std::span(std::string_view(bytes)))};
        } else if constexpr (std::is_convertible_v<Owner&, std::span<const std::byte>>) {
            return {socket_.get(), std::span<const std::byte>(bytes)};
        } else {
            return {socket_.get(), std::span<const std::span<const std::byte>>(bytes)};
        }
    }

    /// Ends the writing side: the peer reads everything, then the end of the stream. Reading goes
    /// on. Never waits, but is a checkpoint.
    ///
    /// Throws: as a write does.
    [[nodiscard]] SocketShutdown shutdown() noexcept { return SocketShutdown(socket_.get()); }

protected:
    explicit SocketWriting(SocketRef<Socket> socket) noexcept : socket_(std::move(socket)) {}
    SocketWriting(SocketWriting&&) noexcept = default;
    ~SocketWriting() = default;

    SocketRef<Socket> socket_;
};

}  // namespace detail

/// What `TcpStream` and `UnixStream` have in common: a connected pair of byte streams, read by one
/// job and written by one, the same or another.
///
///     std::array<std::byte, 4096> buffer;
///     while (true) {
///         const std::size_t count = co_await stream.read_some(buffer);
///         if (count == 0) break;                                   // end of stream
///         co_await stream.write_all(std::span(buffer).first(count));
///     }
///
/// Throws:       `ClosedResource` after, or woken by, `close`; `BrokenResource` when the peer is
///               gone; `BusyResource` for a second reader or a second writer; `IoError`.
/// Cancellation: a read has taken nothing. A write that had sent nothing has not happened; one that
///               had sent a part leaves the stream torn: later writes throw `BrokenResource`, and
///               closing resets the connection, so that no peer takes the half for the whole. (A
///               Unix socket cannot be reset: there its peer sees the end of the stream.)
/// Lifetime:     buffers are used until the await ends and never after. Waits of a stream that is
///               destroyed end with `ClosedResource`; one that outlives its loop is closed.
/// Cost:         a read that waits is one recv, a write that fits one send; nothing is allocated.
class EDDY_API SocketStream : public detail::SocketWriting {
public:
    SocketStream(const SocketStream&) = delete;
    SocketStream& operator=(const SocketStream&) = delete;

    [[nodiscard]] bool is_open() const;
    [[nodiscard]] StreamStatistics statistics() const;

    /// Ends the connection: waits on it end with `ClosedResource`. What was written is still
    /// delivered, unless the stream is torn, or the peer has sent what nobody has read: then the
    /// system resets the connection. Does nothing to a closed stream.
    void close();
    /// The same, but the peer gets a reset and loses what it has not read.
    void close_reset();

    /// Waits for bytes, and returns how many it stored: as many as there are, at least one. Zero is
    /// the end of the stream.
    ///
    /// Throws: `std::invalid_argument` for an empty buffer.
    [[nodiscard]] detail::SocketRead read_some(std::span<std::byte> into) noexcept {
        return {socket_.get(), into};
    }

    /// Waits until a `read_some` would not have to wait: there are bytes, or the end of the stream,
    /// or an error that it will throw. Counts as a reader meanwhile, and is like `read_some` in
    /// every other respect. For those who want no buffer while they wait; the read that follows
    /// makes the one system call, so the two cost no more than `read_some` alone.
    [[nodiscard]] detail::SocketReadable wait_readable() noexcept {
        return detail::SocketReadable(socket_.get());
    }

    /// Waits until the peer has hung up: it has ended its side in good order (also while there are
    /// bytes that nobody has read), has reset the connection, or is known to be gone. At once, if
    /// that has happened before. So work ends that nobody waits for any more:
    ///
    ///     auto work = group.spawn(compute(request));
    ///     const auto first = co_await select(work.wait(), stream.wait_hang_up());
    ///     if (first.index() == 1) work.cancel();  // the client has left
    ///
    /// Trap: a peer may say all it wants to say, half-close, and read on: the end of its side is
    /// the same event. `nc -N` does, HTTP clients hardly ever. That a machine has vanished is not
    /// seen before something was written, or keepalive has found out. And the end comes behind what
    /// the peer has sent: once nobody reads, and the system has no room for more, it does not come
    /// at all. Who waits long reads on meanwhile, up to some bound.
    ///
    /// A third party, beside one reader and one writer: a second one gets `BusyResource`. It reads
    /// nothing, and does not count for `ServeOptions::silence`.
    ///
    /// Cost: four system calls, the first time; nothing for streams on which nobody does this.
    [[nodiscard]] detail::SocketHangUp wait_hang_up() noexcept {
        return detail::SocketHangUp(socket_.get());
    }

    /// How `serve` holds its peer to a limit: see `ServeOptions::silence`.
    ///
    /// Throws: `InvalidState` for a stream that was moved from, `WrongThread`.
    [[nodiscard]] PeerWatch& peer_watch();

    /// The descriptor, lent, for what the stream has no function for: it is non-blocking, and the
    /// stream still reads, writes and closes it. Do none of these.
    ///
    /// Throws: `ClosedResource`.
    [[nodiscard]] NativeSocket native_handle() const;

    /// Gives the descriptor up: from now on the caller closes it. The connection goes on, the
    /// stream is as if it had been closed: waits end with `ClosedResource`, and the loop has
    /// forgotten the descriptor when this returns, so that it may be adopted or closed at once. It
    /// is still non-blocking and close-on-exec. What a `BufferedReader` has read ahead is not in it
    /// any more.
    ///
    /// Throws: `ClosedResource`; `InvalidState`, and nothing has changed, when a write has sent a
    ///         part of what it was given, or when bytes died with the job that had received them:
    ///         who goes on with the connection would begin in the middle.
    [[nodiscard]] NativeSocket release();

    /// Parts with the stream for two owners, usually in two jobs:
    ///
    ///     auto [reader, writer] = std::move(stream).split();
    [[nodiscard]] std::pair<ReadHalf, WriteHalf> split() &&;

protected:
    explicit SocketStream(detail::SocketRef<detail::Socket> socket) noexcept
        : SocketWriting(std::move(socket)) {}
    SocketStream(SocketStream&&) noexcept = default;
    SocketStream& operator=(SocketStream&& other) noexcept;
    ~SocketStream();

    /// Throws `InvalidState` for a stream that was moved from.
    [[nodiscard]] detail::Socket& socket(const char* what) const;

private:
    /// In a forked child too, which may close what it has inherited.
    [[nodiscard]] detail::Socket& socket_to_close(const char* what) const;
};

/// The reading side of a split stream. The connection is closed when both halves are gone.
class EDDY_API ReadHalf final {
public:
    explicit ReadHalf(detail::SocketRef<detail::Socket> socket) noexcept
        : socket_(std::move(socket)) {}
    ReadHalf(ReadHalf&&) noexcept = default;
    ReadHalf& operator=(ReadHalf&& other) noexcept;
    ~ReadHalf();

    [[nodiscard]] detail::SocketRead read_some(std::span<std::byte> into) noexcept {
        return {socket_.get(), into};
    }
    [[nodiscard]] detail::SocketReadable wait_readable() noexcept {
        return detail::SocketReadable(socket_.get());
    }
    /// Ends with `ClosedResource` when this half is closed.
    [[nodiscard]] detail::SocketHangUp wait_hang_up() noexcept {
        return detail::SocketHangUp(socket_.get());
    }

    /// Reads no more. What destroying it does.
    void close();

private:
    detail::SocketRef<detail::Socket> socket_;
};

/// The writing side of a split stream.
class EDDY_API WriteHalf final : public detail::SocketWriting {
public:
    explicit WriteHalf(detail::SocketRef<detail::Socket> socket) noexcept
        : SocketWriting(std::move(socket)) {}
    WriteHalf(WriteHalf&&) noexcept = default;
    WriteHalf& operator=(WriteHalf&& other) noexcept;
    ~WriteHalf();

    /// Writes no more: the peer reads the end of the stream, unless it is torn; then nothing, until
    /// the connection is reset. What destroying it does.
    void close();
    /// Ends the connection, both halves of it: the peer gets a reset.
    void close_reset();
};

}  // namespace eddy::inline v0_1
