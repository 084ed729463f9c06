// SPDX-License-Identifier: MIT
#include <eddy/net/unix.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include <eddy/detail/owned_fd.hpp>
#include <eddy/error.hpp>
#include <eddy/yield.hpp>

#include "net/adopt.hpp"
#include "net/listen_socket.hpp"
#include "net/socket.hpp"

namespace eddy::inline v0_1 {

using detail::ListenSocket;
using detail::OwnedFd;
using detail::Socket;
using detail::SocketKind;
using detail::SocketRef;

namespace {

bool is_abstract(std::string_view path) noexcept { return path.starts_with('\0'); }

std::string printable(std::string_view path) {
    return is_abstract(path) ? '@' + std::string(path.substr(1)) : std::string(path);
}

detail::SocketAddress address_of(std::string_view path) {
    sockaddr_un address{};
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        throw std::invalid_argument("a Unix socket's path has 1 to 107 bytes: \"" +
                                    printable(path) + '"');
    }
    if (!is_abstract(path) && path.find('\0') != std::string_view::npos) {
        throw std::invalid_argument("a Unix socket's path has no zero byte in its middle");
    }
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    detail::SocketAddress result;
    std::memcpy(&result.storage, &address, sizeof address);
    // A path ends with a zero that counts; an abstract name is as long as it is.
    const std::size_t length =
        offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract(path) ? 0 : 1);
    result.length = static_cast<socklen_t>(length);
    return result;
}

/// Of a socket's own address: its path, or abstract name.
std::string local_path(int fd) {
    sockaddr_un address{};
    socklen_t length = sizeof address;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        detail::throw_io_error(errno, "local_address");
    }
    constexpr socklen_t before = offsetof(sockaddr_un, sun_path);
    const std::string_view path(address.sun_path,
                                std::min<std::size_t>(length - before, sizeof address.sun_path));
    return std::string(is_abstract(path) ? path : path.substr(0, path.find('\0')));
}

UnixStream stream_of(OwnedFd fd) {
    return UnixStream(SocketRef<Socket>(new Socket(fd.release(), SocketKind::local, {})));
}

/// The file that bind has made, until there is a listener to look after it.
class BoundFile final {
public:
    explicit BoundFile(const std::string& path) noexcept
        : path_(is_abstract(path) ? nullptr : path.c_str()) {}
    BoundFile(const BoundFile&) = delete;
    BoundFile& operator=(const BoundFile&) = delete;
    ~BoundFile() {
        if (path_ != nullptr) {
            ::unlink(path_);
        }
    }
    void keep() noexcept { path_ = nullptr; }

private:
    const char* path_;
};

/// True if nobody listens there any more, and the file is gone now.
bool remove_stale_file(const detail::SocketAddress& address, const std::string& path) {
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) {
        return false;  // a file of another kind refuses connections too
    }
    const OwnedFd probe(detail::open_stream_socket(AF_UNIX, "listen " + path));
    const bool refused =
        ::connect(probe.get(), address.get(), address.length) != 0 && errno == ECONNREFUSED;
    return refused && ::unlink(path.c_str()) == 0;
}

}  // namespace

// --- streams -----------------------------------------------------------------------------------

std::pair<UnixStream, UnixStream> UnixStream::pair() {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        detail::throw_io_error(errno, "socketpair");
    }
    OwnedFd first(ends[0]);
    OwnedFd second(ends[1]);
    UnixStream one = stream_of(std::move(first));
    UnixStream other = stream_of(std::move(second));
    return {std::move(one), std::move(other)};
}

UnixStream UnixStream::adopt(NativeSocket connected) {
    const char* const what = "UnixStream::adopt";
    detail::check_adoptable(connected, SocketKind::local, false, what);
    return UnixStream(detail::adopt_stream(connected, SocketKind::local, what));
}

PeerCredentials UnixStream::peer_credentials() const {
    Socket& self = socket("peer_credentials");
    self.check_open("peer_credentials");
    ucred found{};
    socklen_t length = sizeof found;
    if (getsockopt(self.fd(), SOL_SOCKET, SO_PEERCRED, &found, &length) != 0) {
        detail::throw_io_error(errno, "peer_credentials");
    }
    return {.pid = found.pid, .uid = found.uid, .gid = found.gid};
}

Task<UnixStream> connect_unix(std::string path) {
    co_await checkpoint();
    const detail::SocketAddress target = address_of(path);
    OwnedFd fd(detail::open_stream_socket(AF_UNIX, "connect " + printable(path)));
    int result = 0;
    do {
        result = ::connect(fd.get(), target.get(), target.length);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
        detail::throw_io_error(errno, "connect " + printable(path));
    }
    co_return stream_of(std::move(fd));
}

// --- listeners ---------------------------------------------------------------------------------

UnixListener UnixListener::listen(std::string_view path, const UnixListenOptions& options) {
    if (options.backlog < 1) {
        throw std::invalid_argument("UnixListener::listen: the backlog is at least 1");
    }
    const detail::SocketAddress address = address_of(path);
    const std::string what = "listen " + printable(path);
    std::string name(path);
    OwnedFd fd(detail::open_stream_socket(AF_UNIX, what));
    const auto bind_it = [&] { return ::bind(fd.get(), address.get(), address.length) == 0; };
    bool bound = bind_it();
    if (!bound && errno == EADDRINUSE && options.remove_stale && !is_abstract(path)) {
        bound = remove_stale_file(address, name) && bind_it();
        errno = EADDRINUSE;
    }
    if (!bound) {
        detail::throw_io_error(errno, what);
    }
    BoundFile file(name);
    if (::listen(fd.get(), options.backlog) != 0) {
        detail::throw_io_error(errno, what);
    }
    SocketRef<ListenSocket> socket = detail::make_listener(std::move(fd), SocketKind::local);
    file.keep();
    UnixListener listener(std::move(socket), std::move(name));
    listener.own_file();
    return listener;
}

UnixListener UnixListener::adopt(NativeSocket listening) {
    const char* const what = "UnixListener::adopt";
    detail::check_adoptable(listening, SocketKind::local, true, what);
    std::string path = local_path(listening);
    return UnixListener(detail::adopt_listener(listening, SocketKind::local, what),
                        std::move(path));
}

/// That bind has made.
void UnixListener::own_file() noexcept {
    struct stat found{};
    process_ = ::getpid();
    if (!is_abstract(path_) && ::stat(path_.c_str(), &found) == 0) {
        device_ = found.st_dev;
        file_ = found.st_ino;
    }
}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : socket_(std::move(other.socket_)),
      path_(std::move(other.path_)),
      device_(other.device_),
      file_(std::exchange(other.file_, 0)),
      process_(other.process_) {}

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
    if (this != &other) {
        detail::abandon_listener(socket_);
        remove_file();
        socket_ = std::move(other.socket_);
        path_ = std::move(other.path_);
        device_ = other.device_;
        file_ = std::exchange(other.file_, 0);
        process_ = other.process_;
    }
    return *this;
}

UnixListener::~UnixListener() {
    detail::abandon_listener(socket_);
    remove_file();
}

void UnixListener::remove_file() noexcept {
    struct stat found{};
    const std::uint64_t ours = std::exchange(file_, 0);
    if (ours != 0 && process_ == ::getpid() && ::stat(path_.c_str(), &found) == 0 &&
        found.st_ino == ours && found.st_dev == device_) {
        ::unlink(path_.c_str());
    }
}

bool UnixListener::is_open() const {
    return socket_ && detail::listener_of(socket_, "UnixListener::is_open").is_open();
}

ListenerStatistics UnixListener::statistics() const {
    return detail::listener_of(socket_, "UnixListener::statistics").statistics();
}

NativeSocket UnixListener::native_handle() const {
    return detail::native_handle_of(socket_, "UnixListener::native_handle");
}

NativeSocket UnixListener::release() {
    const NativeSocket descriptor = detail::release_listener(socket_, "UnixListener::release");
    file_ = 0;  // not ours to remove any more
    return descriptor;
}

void UnixListener::close() {
    detail::listener_to_close(socket_, "UnixListener::close").close();
    remove_file();
}

}  // namespace eddy::inline v0_1
