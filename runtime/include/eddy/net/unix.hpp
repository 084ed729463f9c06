// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/net/socket_stream.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1 {

/// Who a process is, as the system knows it.
struct EDDY_VISIBLE PeerCredentials {
    std::int64_t pid = 0;   ///< 0: of a process that this one cannot see (another PID namespace)
    std::uint32_t uid = 0;  ///< effective, as the next
    std::uint32_t gid = 0;
};

/// A connection between processes of one machine; see `SocketStream` for what it does. From
/// `UnixListener::accept`, `connect_unix` or `pair`.
///
/// A reset does not exist here: after `close_reset`, or when a torn stream is closed, the peer
/// reads an end of stream. Protocols that matter say how long their messages are.
class EDDY_API UnixStream final : public SocketStream {
public:
    /// For `accept` and `connect_unix`.
    explicit UnixStream(detail::SocketRef<detail::Socket> socket) noexcept
        : SocketStream(std::move(socket)) {}
    UnixStream(UnixStream&&) noexcept = default;
    UnixStream& operator=(UnixStream&&) noexcept = default;
    ~UnixStream() = default;

    /// Two streams, connected with each other.
    ///
    /// Throws: `IoError`, `LoopClosed`, `InvalidState` outside a loop.
    [[nodiscard]] static std::pair<UnixStream, UnixStream> pair();

    /// As `TcpStream::adopt`, of a Unix stream socket.
    [[nodiscard]] static UnixStream adopt(NativeSocket connected);

    /// Who is at the other end: the process that called `connect`, `listen` or `socketpair`, as it
    /// was then. It may have changed its user, handed the socket on, or ended, and its pid may be
    /// another's by now: decide by uid and gid, log the pid. (SO_PEERCRED)
    ///
    /// Throws: `ClosedResource`, `IoError`.
    [[nodiscard]] PeerCredentials peer_credentials() const;
};

struct EDDY_VISIBLE UnixListenOptions {
    detail::WholeNumber<int> backlog = 1024;
    /// Removes the socket file of a process that is gone, instead of failing.
    bool remove_stale = false;
};

/// A path that accepts connections.
///
/// The file appears with `listen` and goes with the listener, unless somebody has put another one
/// in its place. A path that begins with a zero byte is an abstract name (Linux): no file.
///
/// Order:    jobs that accept get connections in order of arrival.
/// Lifetime: waits of a listener that is destroyed end with `ClosedResource`.
class EDDY_API UnixListener final {
public:
    class Accept;

    /// Throws: `IoError` ("listen /run/x: Address already in use"), `std::invalid_argument` for a
    ///         path that is empty or longer than 107 bytes, and for a backlog below 1.
    [[nodiscard]] static UnixListener listen(std::string_view path,
                                             const UnixListenOptions& options = {});

    /// As `TcpListener::adopt`, of a Unix stream socket. Its file is whoever's made it: it stays.
    [[nodiscard]] static UnixListener adopt(NativeSocket listening);

    UnixListener(UnixListener&& other) noexcept;
    UnixListener& operator=(UnixListener&& other) noexcept;
    ~UnixListener();

    [[nodiscard]] bool is_open() const;
    /// The path; of a closed listener too.
    [[nodiscard]] const std::string& local_address() const noexcept { return path_; }
    [[nodiscard]] ListenerStatistics statistics() const;

    /// Removes the path. Otherwise as `TcpListener::close`.
    void close();

    /// As of a stream.
    [[nodiscard]] NativeSocket native_handle() const;
    /// As `TcpListener::release`; the path stays.
    [[nodiscard]] NativeSocket release();

    /// As `TcpListener::accept`.
    [[nodiscard]] Accept accept() noexcept;

private:
    UnixListener(detail::SocketRef<detail::ListenSocket> socket, std::string path) noexcept
        : socket_(std::move(socket)), path_(std::move(path)) {}
    void own_file() noexcept;
    void remove_file() noexcept;

    // Invariant: file_ is the inode at path_ that is ours to remove, or 0; ours is process_'s, not
    // that of its children.
    detail::SocketRef<detail::ListenSocket> socket_;
    std::string path_;
    std::uint64_t device_ = 0;
    std::uint64_t file_ = 0;
    std::int64_t process_ = 0;
};

class UnixListener::Accept final : public detail::SocketAccept {
public:
    explicit Accept(detail::ListenSocket* listener) noexcept
        : SocketAccept(listener, "UnixListener::accept") {}
    [[nodiscard]] UnixStream take() { return UnixStream(take_socket()); }
};

inline UnixListener::Accept UnixListener::accept() noexcept { return Accept(socket_.get()); }

/// Connects to a path.
///
/// Throws:       `IoError` ("connect /run/x: Connection refused"; "Resource temporarily
///               unavailable" when the listener's backlog is full), `std::invalid_argument` as
///               `listen` does.
/// Cancellation: checked on entry; it never waits.
[[nodiscard]] EDDY_API Task<UnixStream> connect_unix(std::string path);

}  // namespace eddy::inline v0_1
