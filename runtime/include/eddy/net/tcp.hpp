// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/net/address.hpp>
#include <eddy/net/socket_stream.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

/// When the kernel asks a silent peer whether it is there, and when it takes it for gone.
struct EDDY_VISIBLE KeepAlive {
    std::chrono::seconds idle{60};       ///< silence before the first question
    std::chrono::seconds interval{10};   ///< between questions
    detail::WholeNumber<int> count = 6;  ///< unanswered ones before the connection is broken
};

/// A TCP connection; see `SocketStream` for what it does. From `TcpListener::accept` or `connect`.
///
/// Small writes are sent at once (TCP_NODELAY is on) until `set_nodelay(false)`.
class EDDY_API TcpStream final : public SocketStream {
public:
    /// For `accept` and `connect`.
    explicit TcpStream(detail::SocketRef<detail::Socket> socket) noexcept
        : SocketStream(std::move(socket)) {}
    TcpStream(TcpStream&&) noexcept = default;
    TcpStream& operator=(TcpStream&&) noexcept = default;
    ~TcpStream() = default;

    /// Takes a connected descriptor over, from another library, another process, or `release`. It
    /// becomes non-blocking (for all who share it) and close-on-exec, and its TCP_NODELAY is on.
    ///
    /// Requires: nobody else reads, writes or closes it.
    /// Throws:   `std::invalid_argument` that says what it is instead (not open, a file, a datagram
    ///           socket, a Unix socket, one that listens or is not connected); `InvalidState` when
    ///           this loop watches it already, or outside a loop; `LoopClosed`; `IoError`. It is
    ///           still the caller's then, and open.
    [[nodiscard]] static TcpStream adopt(NativeSocket connected);

    /// Throws: `ClosedResource`.
    [[nodiscard]] Address local_address() const;
    /// Of a closed stream too.
    [[nodiscard]] Address peer_address() const;

    /// Off: the kernel gathers small writes while an answer is outstanding.
    ///
    /// Throws: `ClosedResource`, `IoError`; so do those that follow.
    void set_nodelay(bool on);

    /// Throws: `std::invalid_argument` for what is not positive. Linux takes up to 32767 seconds.
    void set_keepalive(const KeepAlive& options);
    void clear_keepalive();

    /// How long written bytes may remain unacknowledged before the connection is broken: reads and
    /// writes end with `BrokenResource` then. In milliseconds, rounded up. Where keep-alive is on,
    /// this counts in place of `KeepAlive::count`. (TCP_USER_TIMEOUT)
    ///
    /// Throws: `std::invalid_argument` for what is not positive, or longer than 24 days (2^31 ms).
    void set_user_timeout(Duration limit);
    /// As the system has it: some fifteen minutes.
    void clear_user_timeout();

    /// True if the first bytes went, either way, with the handshake itself: what has become of
    /// `connect_fast_open` or `ListenOptions::fast_open` in this connection.
    [[nodiscard]] bool used_fast_open() const;
};

struct EDDY_VISIBLE ListenOptions {
    /// Connections that wait for `accept`; the kernel may allow fewer.
    detail::WholeNumber<int> backlog = 1024;
    bool reuse_port = false;  ///< several listeners share the port, the kernel spreads connections
    bool v6_only = false;     ///< an IPv6 listener refuses IPv4
    /// TCP fast open: how many connections may be waiting whose first bytes have come with their
    /// handshake; 0: off. Those bytes may come twice: only for requests that can be repeated. A
    /// system that does not want to (sysctl net.ipv4.tcp_fastopen lacks 2) goes on without:
    /// `TcpStream::used_fast_open` tells.
    detail::WholeNumber<int> fast_open = 0;
};

/// A port that accepts connections.
///
///     TcpListener listener = TcpListener::listen(Address::any(8080));
///     while (true) {
///         TcpStream stream = co_await listener.accept();
///         group.spawn(serve_one(std::move(stream)));
///     }
///
/// `serve` does this with a limit, and with patience when descriptors run out.
///
/// Order:    jobs that accept get connections in order of arrival.
/// Lifetime: waits of a listener that is destroyed end with `ClosedResource`.
class EDDY_API TcpListener final {
public:
    class Accept;

    /// Port 0: one the kernel picks, see `local_address`. A port whose connections of an earlier
    /// process linger can be listened on at once.
    ///
    /// Throws: `IoError` ("listen 127.0.0.1:80: Permission denied"), `std::invalid_argument` for a
    ///         backlog below 1 or a `fast_open` below 0, `LoopClosed`, `InvalidState` outside a
    ///         loop.
    [[nodiscard]] static TcpListener listen(const Address& address,
                                            const ListenOptions& options = {});

    /// Takes a descriptor over that listens already: of socket activation (`listen_descriptors`),
    /// or of `release`. Otherwise as `TcpStream::adopt`.
    [[nodiscard]] static TcpListener adopt(NativeSocket listening);

    TcpListener(TcpListener&&) noexcept = default;
    TcpListener& operator=(TcpListener&& other) noexcept;
    ~TcpListener();

    [[nodiscard]] bool is_open() const;
    /// With the real port; of a closed listener too.
    [[nodiscard]] Address local_address() const noexcept { return local_; }
    [[nodiscard]] ListenerStatistics statistics() const;

    /// Frees the port. Waits end with `ClosedResource`, connections that nobody has accepted are
    /// reset. Does nothing to a closed listener.
    void close();

    /// As of a stream.
    [[nodiscard]] NativeSocket native_handle() const;
    /// As of a stream: it goes on listening, and what waits in its backlog waits on.
    [[nodiscard]] NativeSocket release();

    /// Waits for a connection.
    ///
    /// Throws:       `ClosedResource`; `IoError` when there is no descriptor for it: the connection
    ///               keeps waiting, so pause before you try again. Without memory for it, or when
    ///               it cannot be watched, it is closed.
    /// Cancellation: no connection was taken.
    [[nodiscard]] Accept accept() noexcept;

private:
    TcpListener(detail::SocketRef<detail::ListenSocket> socket, const Address& local) noexcept
        : socket_(std::move(socket)), local_(local) {}

    detail::SocketRef<detail::ListenSocket> socket_;
    Address local_;
};

class TcpListener::Accept final : public detail::SocketAccept {
public:
    explicit Accept(detail::ListenSocket* listener) noexcept
        : SocketAccept(listener, "TcpListener::accept") {}
    [[nodiscard]] TcpStream take() { return TcpStream(take_socket()); }
};

inline TcpListener::Accept TcpListener::accept() noexcept { return Accept(socket_.get()); }

}  // namespace eddy::inline v0_1
