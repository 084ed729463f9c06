// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <cstddef>
#include <fcntl.h>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/copy.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/net/happy_eyeballs.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/scope.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>

#include "net_kit.hpp"
#include "shortage.hpp"

#if EDDY_HEAP_HOOKS

// Memory is short in every place of the network in turn: see shortage.hpp.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Address;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

/// A client in nobody's loop, that needs no memory.
class RawClient final {
public:
    explicit RawClient(std::uint16_t port) noexcept
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
        fcntl(fd_, F_SETFL, O_NONBLOCK);
    }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;
    ~RawClient() { ::close(fd_); }

    [[nodiscard]] bool connected() const noexcept { return connected_; }
    bool send(std::string_view text) noexcept {
        return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(text.size());
    }
    /// "" at the end, and if there is nothing yet.
    [[nodiscard]] std::string_view received() noexcept {
        const ssize_t count = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
        return count > 0 ? std::string_view(buffer_.data(), static_cast<std::size_t>(count))
                         : std::string_view();
    }

private:
    int fd_;
    bool connected_ = false;
    std::array<char, 64> buffer_{};
};

Task<> echoes(TcpStream stream) {
    std::array<std::byte, 64> buffer{};
    while (true) {
        const std::size_t count = co_await stream.read_some(buffer);
        if (count == 0) {
            co_return;
        }
        co_await stream.write_all(std::span<const std::byte>(buffer).first(count));
    }
}

Task<bool> answers(RawClient& client, std::string_view text) {
    bool right = client.send(text);
    for (int i = 0; i < 500; ++i) {
        co_await settle();
        const std::string_view got = client.received();
        if (!got.empty()) {
            right = right && got == text;
            co_return right;
        }
    }
    co_return false;
}

}  // namespace

TEST_CASE("a server that is short of memory refuses that client, and nobody else notices") {
    std::size_t served_later = 0;
    std::size_t runs = 0;
    survives_shortage([&](ShortageRun& run) {
        CountingObserver observer;
        const auto main = [&]() -> Task<> {
            TcpListener listener = TcpListener::listen(Address::loopback(0));
            const std::uint16_t port = listener.local_address().port();
            eddy::Server server({.first_pause = 1ms});
            eddy::JoinHandle<void> serving = eddy::spawn(eddy::serve(server, listener, echoes));
            RawClient before(port);
            bool right = co_await answers(before, "before");
            CHECK(right);

            run.begin();
            RawClient unlucky(port);
            unlucky.send("x");
            for (int i = 0; i < 20; ++i) {  // settling needs no memory
                co_await settle();
                if (i == 10) {
                    before.send("meanwhile");
                }
            }
            run.end();

            const bool meanwhile = before.received() == "meanwhile";
            CHECK(meanwhile);
            right = co_await answers(before, "after");
            CHECK(right);
            RawClient later(port);
            co_await eddy::sleep_for(2ms);  // the pause
            right = co_await answers(later, "later");
            served_later += right ? 1 : 0;
            ++runs;
            CHECK_FALSE(serving.done());
            server.drain(0s);
            co_await serving;
            const eddy::ServeStatistics statistics = server.statistics();
            CHECK(statistics.accepted == statistics.completed + statistics.failed +
                                             statistics.cancelled + statistics.rejected);
        };
        eddy::Loop({.observer = &observer}).run(main());
    });
    CHECK(served_later == runs);
}

TEST_CASE("a shortage in the whole life of a server and its clients") {
    survives_shortage_in_job([]() -> Task<> {
        MemoryListener listener;
        const auto handler = [](MemoryStream stream) -> Task<> {
            std::array<std::byte, 16> buffer{};
            while (true) {
                const std::size_t count = co_await stream.read_some(buffer);
                if (count == 0) {
                    co_return;
                }
                co_await stream.write_all("answer");
            }
        };
        eddy::Server server({.drain = 1s});
        const auto body = [&](eddy::TaskGroup& group) -> Task<> {
            group.spawn(eddy::serve(server, listener, handler));
            MemoryStream client = listener.connect();
            co_await client.write_all("question");
            std::array<std::byte, 16> buffer{};
            static_cast<void>(co_await client.read_some(buffer));
            server.drain();
            co_await eddy::sleep_for(2s);
        };
        co_await eddy::with_task_group(body);
    });
}

TEST_CASE("a shortage while a server leaves handlers alone") {
    survives_shortage_in_job([]() -> Task<> {
        MemoryListener listener;
        const auto handler = [](MemoryStream) -> Task<> {
            co_await eddy::shield(eddy::sleep_for(1h));
        };
        eddy::Server server({.drain = 1s});
        const auto body = [&](eddy::TaskGroup& group) -> Task<> {
            group.spawn(eddy::serve(server, listener, handler));
            const MemoryStream client = listener.connect();
            co_await eddy::sleep_for(1s);
            server.drain();
        };
        co_await eddy::with_task_group(body);
    });
}

TEST_CASE("a shortage in TCP and Unix streams, their failures and their ends") {
    survives_shortage_in_job([]() -> Task<> {
        TcpListener listener = TcpListener::listen(Address::loopback(0));
        TcpStream client = co_await eddy::connect(listener.local_address());
        TcpStream server = co_await listener.accept();
        std::array<std::byte, 16> buffer{};
        const auto read = co_await eddy::move_on_after(1ms, read_task(server, buffer));
        static_cast<void>(read.has_value());
        co_await client.write_all("text");
        static_cast<void>(co_await server.read_some(buffer));
        server.close_reset();
        try {
            static_cast<void>(co_await client.read_some(buffer));
        } catch (const eddy::BrokenResource&) {
        }
        auto [one, other] = eddy::UnixStream::pair();
        co_await one.write_all("text");
        static_cast<void>(co_await other.read_some(buffer));
    });
}

TEST_CASE("a shortage in what is built on streams") {
    survives_shortage_in_job([]() -> Task<> {
        auto [one, other] = memory_stream_pair();
        eddy::BufferedReader reader(other);
        co_await one.write_all("a line that is longer than a short string\nand another\n");
        static_cast<void>(co_await reader.read_line());
        static_cast<void>(co_await reader.read_line());
        auto [left, right] = memory_stream_pair();
        eddy::Framed sender(left);
        eddy::Framed receiver(right);
        const std::vector<std::byte> message(100);
        co_await sender.send(message);
        static_cast<void>(co_await receiver.next());
        auto [near, far] = memory_stream_pair();
        eddy::TimedStream timed(std::move(near), {.idle = 1s});
        std::array<std::byte, 16> buffer{};
        try {
            static_cast<void>(co_await timed.read_some(buffer));
        } catch (const eddy::TimedOut&) {
        }
    });
}

TEST_CASE("a shortage while names are looked up and connections fail") {
    survives_shortage_in_job([]() -> Task<> {
        std::uint16_t port = 0;
        {
            const TcpListener nobody = TcpListener::listen(Address::loopback(0));
            port = nobody.local_address().port();
        }
        try {
            static_cast<void>(co_await eddy::connect("127.0.0.1", port));
        } catch (const eddy::IoError&) {
        }
        try {
            static_cast<void>(co_await eddy::resolve(unknown_name, 80));
        } catch (const eddy::IoError&) {
        }
    });
}

#endif
