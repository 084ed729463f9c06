// SPDX-License-Identifier: MIT
#include <array>
#include <cstddef>
#include <cstring>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/testing/wait_matrix.hpp>

#include "net_kit.hpp"

// Every wait of a socket in the matrix. It waits on one fixture from two jobs at once, but a stream
// has one reader and one writer: so each wait has a stream of its own, and `complete` serves all.
// The peers are raw descriptors, which need no loop.

namespace {

using namespace eddy::testing;
using eddy::Address;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

/// A blocking socket, connected to somebody on this machine.
class RawClient final {
public:
    explicit RawClient(const Address& to) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in target{};
        target.sin_family = AF_INET;
        target.sin_port = htons(to.port());
        target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connect(target, sizeof target);
    }
    /// To an abstract name.
    explicit RawClient(const std::string& name)
        : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un target{};
        target.sun_family = AF_UNIX;
        std::memcpy(target.sun_path, name.data(), name.size());
        connect(target, offsetof(sockaddr_un, sun_path) + name.size());
    }
    RawClient(RawClient&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    RawClient& operator=(RawClient&&) = delete;
    ~RawClient() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }

    void hang_up() const { CHECK(::shutdown(fd_, SHUT_WR) == 0); }
    void write_byte() const { CHECK(::write(fd_, "x", 1) == 1); }
    void read_what_is_there() const {
        std::vector<char> buffer(1U << 20U);
        while (::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {
        }
    }

private:
    template <class Target>
    void connect(const Target& target, std::size_t length) const {
        sockaddr_storage generic{};
        std::memcpy(&generic, &target, sizeof target);
        const auto* const to = reinterpret_cast<const sockaddr*>(&generic);
        CHECK(::connect(fd_, to, static_cast<socklen_t>(length)) == 0);
    }

    int fd_;
};

struct Tcp {
    using Stream = TcpStream;
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    [[nodiscard]] RawClient connect() const { return RawClient(listener.local_address()); }
};

struct Unix {
    using Stream = eddy::UnixStream;
    std::string name = std::string(1, '\0') + "eddy matrix " + std::to_string(::getpid());
    eddy::UnixListener listener = eddy::UnixListener::listen(name);
    [[nodiscard]] RawClient connect() const { return RawClient(name); }
};

/// A raw client and the stream of its connection.
template <class S>
struct Connection {
    Connection(RawClient raw, S stream) : client(std::move(raw)), server(std::move(stream)) {}
    RawClient client;
    S server;
};

template <class Kind>
struct StreamFixture {
    using Stream = typename Kind::Stream;
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;

    explicit StreamFixture(VirtualClock&) {}

    /// Shielded: some cases end the loop before the connections are there.
    Task<> prepare() { co_await eddy::shield(connect_all()); }
    [[nodiscard]] bool intact() const {
        bool idle = true;
        for (const Connection<Stream>& each : connections) {
            const eddy::StreamStatistics now = each.server.statistics();
            idle = idle && !now.reading && !now.writing && !now.awaiting_hang_up;
        }
        return idle;
    }
    [[nodiscard]] Stream& one_of_two() { return connections[next++ % 2].server; }
    [[nodiscard]] Stream& third() { return connections[2].server; }

    std::vector<Connection<Stream>> connections;
    std::size_t next = 0;

private:
    Task<> connect_all() {
        Kind kind;
        for (int i = 0; i < 3; ++i) {
            RawClient client = kind.connect();
            Stream server = co_await kind.listener.accept();
            connections.emplace_back(std::move(client), std::move(server));
        }
    }
};

struct ReadFixture : StreamFixture<Tcp> {
    using StreamFixture::StreamFixture;
    auto operation() { return connections[0].server.read_some(buffer_); }
    Task<> wait() { return read(one_of_two()); }
    Task<> wait_again() { return read(third()); }
    void complete() {
        for (const auto& each : connections) {
            each.client.write_byte();
        }
    }

private:
    static Task<> read(TcpStream& stream) {
        std::array<std::byte, 8> buffer{};
        const std::size_t count = co_await stream.read_some(buffer);
        CHECK(count == 1);
    }

    std::array<std::byte, 8> buffer_{};
};

EDDY_WAIT_MATRIX("TcpStream::read_some", ReadFixture)

template <class Kind>
struct HangUpFixture : StreamFixture<Kind> {
    using StreamFixture<Kind>::StreamFixture;
    auto operation() { return this->connections[0].server.wait_hang_up(); }
    Task<> wait() { return hang_up(this->one_of_two()); }
    Task<> wait_again() { return hang_up(this->third()); }
    void complete() {
        for (const auto& each : this->connections) {
            each.client.hang_up();
        }
    }

private:
    static Task<> hang_up(typename Kind::Stream& stream) { co_await stream.wait_hang_up(); }
};
using TcpHangUpFixture = HangUpFixture<Tcp>;
using UnixHangUpFixture = HangUpFixture<Unix>;

EDDY_WAIT_MATRIX("TcpStream::wait_hang_up", TcpHangUpFixture)
EDDY_WAIT_MATRIX("UnixStream::wait_hang_up", UnixHangUpFixture)

/// Over Unix sockets, whose room is what the peer has not read. TCP's may grow on its own, whenever
/// the kernel comes to carry what was sent to the other end.
struct WriteFixture : StreamFixture<Unix> {
    using StreamFixture::StreamFixture;
    Task<> prepare() {
        co_await StreamFixture::prepare();
        const std::vector<std::byte> chunk(65536);
        for (auto& each : connections) {
            while (true) {  // `fill` would wait until all others wait, which may be never here
                auto write = each.server.write_some(chunk);
                if (!write.try_now()) {
                    break;
                }
                static_cast<void>(write.take());
            }
        }
    }
    auto operation() { return connections[0].server.write_all(bytes_); }
    Task<> wait() { return write(one_of_two()); }
    Task<> wait_again() { return write(third()); }
    void complete() {
        for (const auto& each : connections) {
            each.client.read_what_is_there();
        }
    }

private:
    static Task<> write(Stream& stream) {
        const std::array<std::byte, 8> bytes{};
        co_await stream.write_all(bytes);
    }

    std::array<std::byte, 8> bytes_{};
};

EDDY_WAIT_MATRIX("UnixStream::write_all", WriteFixture)

struct AcceptFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;

    explicit AcceptFixture(VirtualClock&) : listener(TcpListener::listen(Address::loopback(0))) {}

    Task<> prepare() { co_return; }
    auto operation() { return listener.accept(); }
    Task<> wait() { return accept_task(listener); }
    Task<> wait_again() { return accept_task(listener); }
    void complete() {
        for (int i = 0; i < 3; ++i) {
            clients.emplace_back(listener.local_address());
        }
    }
    [[nodiscard]] bool intact() const { return listener.statistics().waiters == 0; }

    TcpListener listener;
    std::vector<RawClient> clients;
};

EDDY_WAIT_MATRIX("TcpListener::accept", AcceptFixture)

}  // namespace
