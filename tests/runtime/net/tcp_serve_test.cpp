// SPDX-License-Identifier: MIT
#if __has_include(<eddy/net/tcp.hpp>)

#include <array>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/copy.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/os/signal_set.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/stream_contract.hpp>

#include "child_process.hpp"

// What is generic over streams and listeners, with the kernel in between.

namespace {

using namespace std::chrono_literals;
using eddy::Address;
using eddy::Server;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;
using eddy::testing::stream_contract::read_text;

struct TcpPair {
    static constexpr std::size_t plenty = 16UL << 20U;
    static constexpr bool resets = true;
    static Task<std::pair<TcpStream, TcpStream>> make() {
        TcpListener listener = TcpListener::listen(Address::loopback(0));
        TcpStream client = co_await eddy::connect(listener.local_address());
        TcpStream server = co_await listener.accept();
        co_return std::pair(std::move(client), std::move(server));
    }
};

Task<> echo_lines(TcpStream stream) {
    eddy::BufferedReader reader(stream);
    while (true) {
        const auto line = co_await reader.read_line();
        if (!line) {
            co_return;
        }
        const std::string answer = std::string(*line) + "\n";
        co_await stream.write_all(std::string_view(answer));
    }
}

Task<bool> answers(TcpStream& client) {
    co_await client.write_all(std::string_view("ping\r\n"));
    const std::string answer = co_await read_text(client, 5);
    co_return answer == "ping\n";
}

/// Takes every descriptor the process may still have.
class Hog {
public:
    Hog() {
        while (true) {
            const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
            if (fd < 0) {
                break;
            }
            taken_.push_back(fd);
        }
    }
    Hog(const Hog&) = delete;
    Hog& operator=(const Hog&) = delete;
    ~Hog() { release(); }
    void release() {
        for (const int fd : taken_) {
            close(fd);
        }
        taken_.clear();
    }

private:
    std::vector<int> taken_;
};

bool connect_blocking(int socket, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

/// One connection is served; then there are no descriptors for the next, then there are again.
Task<> starve(bool& survived) {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    Server server({.max_connections = 1000});
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(eddy::serve(server, listener, echo_lines));
        TcpStream served = co_await eddy::connect(listener.local_address());
        const bool before = co_await answers(served);
        const int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        Hog hog;
        const bool queued = connect_blocking(late, listener.local_address().port());
        while (server.statistics().pauses < 4) {
            co_await eddy::sleep_for(1ms);
        }
        const bool meanwhile = co_await answers(served);
        const bool kept = server.statistics().accepted == 1;
        hog.release();
        const eddy::TimePoint freed = eddy::now();
        while (server.statistics().accepted < 2) {
            co_await eddy::sleep_for(1ms);
        }
        const bool soon = eddy::now() - freed < 150ms;
        survived = before && queued && meanwhile && kept && soon;
        close(late);
        server.drain();
        served.close();
    });
}

}  // namespace

EDDY_STREAM_CONTRACT("TcpStream", TcpPair)

EDDY_TEST_CASE("a TCP server echoes lines, counts, and drains") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    Server server;
    const Address address = listener.local_address();
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(eddy::serve(server, listener, echo_lines));
        std::vector<TcpStream> clients;
        for (int i = 0; i < 10; ++i) {
            TcpStream client = co_await eddy::connect(address);
            const bool answered = co_await answers(client);
            CHECK(answered);
            clients.push_back(std::move(client));
        }
        CHECK(server.statistics().active == 10);
        clients.clear();
        server.drain();
    });
    CHECK(server.statistics().completed == 10);
}

Task<> ask_and_drain(Address at, Server& server) {
    TcpStream client = co_await eddy::connect(at);
    const bool answered = co_await answers(client);
    CHECK(answered);
    co_await client.shutdown();
    const std::string rest = co_await read_text(client, 1);
    CHECK(rest.empty());  // the handler has ended: nobody has to be waited for
    server.drain();
}

EDDY_TEST_CASE("a listener that is moved into serve lives as long as it is needed") {
    Server server;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        TcpListener listener = TcpListener::listen(Address::loopback(0));
        group.spawn(ask_and_drain(listener.local_address(), server));
        group.spawn(eddy::serve(server, std::move(listener), echo_lines));
        co_return;  // before anything is accepted, and with it the body's locals go
    });
    CHECK(server.statistics().completed == 1);
}

EDDY_TEST_CASE("frames, timeouts and a proxy over TCP") {
    auto [client, left] = co_await TcpPair::make();
    auto [right, server] = co_await TcpPair::make();
    auto joined = eddy::spawn(
        [](TcpStream a, TcpStream b) -> Task<eddy::CopiedBytes> {
            eddy::TimedStream near(std::move(a), {.idle = 1min});
            eddy::TimedStream far(std::move(b), {.idle = 1min});
            co_return co_await eddy::copy_bidirectional(near, far);
        },
        std::move(left),
        std::move(right));
    eddy::Framed there(client, {.limit = 1U << 20U});
    eddy::Framed here(server, {.limit = 1U << 20U});
    const std::string message(500'000, 'x');
    auto sending = eddy::spawn([](eddy::Framed<TcpStream>& to,
                                  const std::string& text) -> Task<> { co_await to.send(text); },
                               std::ref(there),
                               std::cref(message));
    const auto frame = co_await here.next();
    CHECK(frame->size() == message.size());
    co_await sending;
    co_await here.send(std::string_view("thanks"));
    const auto answer = co_await there.next();
    CHECK(answer->size() == 6);
    co_await client.shutdown();
    const auto end = co_await here.next();
    CHECK_FALSE(end);
    co_await server.shutdown();
    const eddy::CopiedBytes bytes = co_await joined;
    CHECK(bytes.a_to_b == 500'004);
    CHECK(bytes.b_to_a == 10);
}

TEST_CASE("without descriptors a TCP server neither spins nor stops, and recovers") {
    const auto child = eddy::testing::run_in_child([] {
        const rlimit few{64, 64};
        setrlimit(RLIMIT_NOFILE, &few);
        eddy::testing::RecordingObserver observer;
        bool survived = false;
        eddy::run(starve(survived), {}, {.observer = &observer});
        return survived && observer.failures.size() == 1 ? 0 : 1;
    });
    CHECK(child.exit_code == 0);
}

TEST_CASE("SIGTERM drains a TCP server") {
    const auto child = eddy::testing::run_in_child([] {
        Server server;
        bool answered = false;
        eddy::run([](Server& its, bool& ok) -> Task<> {
            TcpListener listener = TcpListener::listen(Address::loopback(0));
            co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
                group.spawn(eddy::serve(its, listener, echo_lines));
                TcpStream client = co_await eddy::connect(listener.local_address());
                eddy::SignalSet signals{SIGTERM};
                std::raise(SIGTERM);
                co_await signals.next();
                its.drain();
                ok = co_await answers(client);  // it may finish
                co_await client.shutdown();
            });
        }(server, answered));
        return answered && server.statistics().completed == 1 ? 0 : 1;
    });
    CHECK(child.exit_code == 0);
}

#endif
