// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/wait_queue.hpp>
#include <eddy/waiter.hpp>

/// The waits of stream sockets and listeners, whatever their address family. What a socket is knows
/// src/net/ alone.

namespace eddy::inline v0_1::detail {

class ListenSocket;
class Socket;

EDDY_API void release(Socket* socket) noexcept;
EDDY_API void release(ListenSocket* socket) noexcept;

/// A counted pointer to a socket. Dropping it closes nothing.
template <class S>
class SocketRef final {
public:
    SocketRef() noexcept = default;
    explicit SocketRef(S* adopted) noexcept : socket_(adopted) {}
    SocketRef(SocketRef&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
    SocketRef& operator=(SocketRef&& other) noexcept {
        std::swap(socket_, other.socket_);
        return *this;
    }
    ~SocketRef() {
        if (socket_ != nullptr) {
            release(socket_);
        }
    }

    [[nodiscard]] S* get() const noexcept { return socket_; }
    S* operator->() const noexcept { return socket_; }
    explicit operator bool() const noexcept { return socket_ != nullptr; }

private:
    S* socket_ = nullptr;
};

/// One operation on a socket.
///
/// Invariant: `holds_` from the moment the operation has failed, or has received bytes, until its
///            result is taken; until then a reference of its own keeps the socket, which says what
///            went wrong, or hears that the bytes were lost.
class EDDY_API SocketWait : public Waiter {
public:
protected:
    friend class Socket;

    explicit SocketWait(Socket* socket) noexcept : socket_(socket) {}
    ~SocketWait() override = default;

    /// Throws `InvalidState` for a stream that was moved from.
    [[nodiscard]] Socket& socket() const {
        if (socket_ == nullptr) [[unlikely]] {
            throw_moved_from();
        }
        return *socket_;
    }
    void hold() noexcept;
    /// Ends a wait: zero, an errno, `closed` or `silent`.
    void end(int error) noexcept;
    /// Throws what the operation failed with.
    void conclude() {
        if (holds_) {
            let_go();
        }
    }
    void pass_on() noexcept override;

    static constexpr int closed = -1;
    static constexpr int silent = -2;  // the peer, for longer than its server allows

    Socket* socket_;
    int error_ = 0;
    bool holds_ = false;

private:
    [[noreturn]] void throw_moved_from() const;
    [[noreturn]] void throw_failure();
    void let_go();
};

/// A reader: for bytes, or until there are any.
class EDDY_API SocketReader : public SocketWait {
protected:
    friend class Socket;
    SocketReader(Socket* socket, bool takes_bytes) noexcept
        : SocketWait(socket), takes_bytes_(takes_bytes) {}
    ~SocketReader() override = default;

private:
    void unlink() noexcept final;

    const bool takes_bytes_;  // it is a SocketRead
};

class EDDY_API SocketRead final : public SocketReader {
public:
    SocketRead(Socket* socket, std::span<std::byte> into) noexcept
        : SocketReader(socket, true), into_(into) {}
    [[nodiscard]] const char* what() const noexcept override { return "read_some"; }

    [[nodiscard]] bool try_now();
    void start();
    [[nodiscard]] std::size_t take() {
        conclude();
        return count_;
    }

private:
    friend class Socket;
    void pass_on() noexcept override;

    std::span<std::byte> into_;
    std::size_t count_ = 0;
};

class EDDY_API SocketReadable final : public SocketReader {
public:
    explicit SocketReadable(Socket* socket) noexcept : SocketReader(socket, false) {}
    [[nodiscard]] const char* what() const noexcept override { return "wait_readable"; }

    [[nodiscard]] bool try_now();
    void start();
    void take() { conclude(); }
};

/// Until the peer has hung up. Beside the reader and the writer, and no wait for the peer to say
/// something: a limit on silence does not count it.
class EDDY_API SocketHangUp final : public SocketWait {
public:
    explicit SocketHangUp(Socket* socket) noexcept : SocketWait(socket) {}
    [[nodiscard]] const char* what() const noexcept override { return "wait_hang_up"; }

    [[nodiscard]] bool try_now();
    void start();
    void take() { conclude(); }

private:
    void unlink() noexcept override;
};

/// Both kinds of writes: where they are in what they send.
class EDDY_API SocketWrite : public SocketWait {
public:
    static constexpr bool looks_again = true;  // a try may have sent a part: it is not repeated

    [[nodiscard]] bool try_now();
    void start();

protected:
    using Bytes = std::span<const std::byte>;
    enum class Amount : bool { some, all };

    SocketWrite(Socket* socket, Bytes bytes, Amount amount) noexcept
        : SocketWait(socket), single_(bytes), spans_(&single_, 1), amount_(amount) {}
    SocketWrite(Socket* socket, std::span<const Bytes> spans) noexcept
        : SocketWait(socket), spans_(spans), amount_(Amount::all) {}
    ~SocketWrite() override = default;

    [[nodiscard]] std::size_t sent() const noexcept { return sent_; }

private:
    friend class Socket;
    void unlink() noexcept override;
    /// Counts what was sent, and steps over what is empty.
    void advance(std::size_t count) noexcept {
        sent_ += count;
        offset_ += count;
        while (next_ < spans_.size() && offset_ >= spans_[next_].size()) {
            offset_ -= spans_[next_].size();
            ++next_;
        }
    }
    [[nodiscard]] bool finished() const noexcept { return next_ == spans_.size(); }

    // Invariant: unless finished(), spans_[next_] has more than offset_ bytes (after advance).
    Bytes single_;
    std::span<const Bytes> spans_;
    std::size_t next_ = 0;
    std::size_t offset_ = 0;
    std::size_t sent_ = 0;
    Amount amount_;
};

class SocketWriteSome : public SocketWrite {
public:
    SocketWriteSome(Socket* socket, Bytes bytes) noexcept
        : SocketWrite(socket, bytes, Amount::some) {}
    [[nodiscard]] const char* what() const noexcept override { return "write_some"; }
    [[nodiscard]] std::size_t take() {
        conclude();
        return sent();
    }
};

class SocketWriteAll : public SocketWrite {
public:
    SocketWriteAll(Socket* socket, Bytes bytes) noexcept
        : SocketWrite(socket, bytes, Amount::all) {}
    SocketWriteAll(Socket* socket, std::span<const Bytes> spans) noexcept
        : SocketWrite(socket, spans) {}
    [[nodiscard]] const char* what() const noexcept override { return "write_all"; }
    void take() { conclude(); }
};

/// A checkpoint that never waits.
class EDDY_API SocketShutdown final : public SocketWait {
public:
    explicit SocketShutdown(Socket* socket) noexcept : SocketWait(socket) {}
    [[nodiscard]] const char* what() const noexcept override { return "shutdown"; }
    [[nodiscard]] bool try_now();
    void start() const noexcept {}
    void take() const noexcept {}

private:
    void unlink() noexcept override {}
};

class EDDY_API SocketAccept : public QueuedWaiter {
public:
    [[nodiscard]] bool try_now();
    void start() noexcept;
    [[nodiscard]] const char* what() const noexcept override { return name_; }

protected:
    SocketAccept(ListenSocket* listener, const char* name) noexcept
        : listener_(listener), name_(name) {}
    ~SocketAccept() override = default;

    /// Throws what the operation failed with.
    [[nodiscard]] SocketRef<Socket> take_socket();

private:
    friend class ListenSocket;
    static constexpr int closed = -1;

    void hold() noexcept;
    void pass_on() noexcept override;

    ListenSocket* listener_;
    const char* name_;
    Socket* accepted_ = nullptr;  // counted
    int error_ = 0;
    bool holds_ = false;  // a reference to the listener, as in SocketWait
};

}  // namespace eddy::inline v0_1::detail
