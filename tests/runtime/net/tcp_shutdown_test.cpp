// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "../test_kit.hpp"
#include "descriptor_limit.hpp"
#include "net_kit.hpp"
#include "skip.hpp"

// A thousand live connections, and the end of their server, or of their loop.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Address;
using eddy::BrokenResource;
using eddy::Server;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

constexpr std::size_t thousand = 1000;
constexpr std::size_t hundred = 100;  // under every schedule

/// Counts the handlers that are alive: their frames.
class Alive final {
public:
    explicit Alive(std::size_t& count) : count_(count) { ++count_; }
    Alive(const Alive&) = delete;
    Alive& operator=(const Alive&) = delete;
    ~Alive() { --count_; }

private:
    std::size_t& count_;
};

/// Has echoed once, and waits for the next message.
Task<> echo_alive(TcpStream stream, std::size_t& count) {
    const Alive alive(count);
    co_await echo(std::move(stream));
}

/// Finishes what it has begun, whatever is cancelled.
Task<> stubborn(TcpStream stream, std::size_t& count) {
    const Alive alive(count);
    co_await eddy::shield(echo(std::move(stream)));
}

struct Crowd {
    explicit Crowd(std::size_t connections)
        : size(connections),
          listener(TcpListener::listen(Address::loopback(0), {.backlog = 1024})),
          server({.max_connections = connections}) {}

    [[nodiscard]] eddy::JoinHandle<void> serve() {
        return eddy::spawn(eddy::serve(server, listener, echo_alive, std::ref(handlers)));
    }

    /// Every connection has carried a message both ways.
    Task<> connect_all() {
        for (std::size_t i = 0; i < size; ++i) {
            TcpStream client = co_await eddy::connect(listener.local_address());
            co_await client.write_all("hello");
            const std::string answer = co_await read_all(client, 5);
            CHECK(answer == "hello");
            clients.push_back(std::move(client));
        }
        CHECK(server.statistics().active == size);
        CHECK(handlers == size);
    }

    /// Every client sees the end of its connection, the orderly one or a reset.
    Task<> expect_ends() {
        std::size_t ends = 0;
        for (TcpStream& client : clients) {
            const auto error = co_await error_of(read_text(client));
            ends += !error || holds<BrokenResource>(error) ? 1U : 0U;
        }
        CHECK(ends == size);
    }

    std::size_t size;
    std::size_t handlers = 0;
    TcpListener listener;
    Server server;
    std::vector<TcpStream> clients;
};

std::size_t crowd_size(const DescriptorLimit& limit, std::size_t wanted = thousand) {
    const std::size_t size = limit.room_for(wanted, 2);
    if (size < wanted) {
        skip("only " + std::to_string(size) + " connections: the limit of descriptors is low");
    }
    return size;
}

Task<> outlast_drain(std::size_t connections) {
    const DescriptorLimit limit;
    Crowd crowd(crowd_size(limit, connections));
    auto serving = crowd.serve();
    co_await crowd.connect_all();
    const eddy::TimePoint begun = eddy::now();
    crowd.server.drain(10s);
    co_await eddy::sleep_for(9s);
    CHECK(crowd.handlers == crowd.size);
    co_await serving;
    CHECK(eddy::now() - begun == 10s);
    CHECK(crowd.handlers == 0);
    CHECK(crowd.server.statistics().active == 0);
    CHECK(crowd.server.statistics().cancelled == crowd.size);
    co_await crowd.expect_ends();
}

EDDY_NET_TEST_FIFO("a drain that a thousand connections outlast cancels them at its deadline") {
    co_await outlast_drain(thousand);
}

EDDY_NET_TEST("a drain that a hundred connections outlast cancels them at its deadline") {
    co_await outlast_drain(hundred);
}

Task<> cancel_server(std::size_t connections) {
    const DescriptorLimit limit;
    Crowd crowd(crowd_size(limit, connections));
    auto serving = crowd.serve();
    co_await crowd.connect_all();
    const eddy::TimePoint begun = eddy::now();
    serving.cancel();
    co_await serving.wait();
    CHECK(eddy::now() == begun);
    CHECK(crowd.handlers == 0);
    CHECK(crowd.server.statistics().cancelled == crowd.size);
    CHECK_FALSE(crowd.listener.is_open());
    co_await crowd.expect_ends();
}

EDDY_NET_TEST_FIFO("cancelling a server ends its thousand connections at once") {
    co_await cancel_server(thousand);
}

EDDY_NET_TEST("cancelling a server ends its hundred connections at once") {
    co_await cancel_server(hundred);
}

/// Leaves the server to the end of the loop.
Task<> leave(Crowd*& crowd, std::size_t size, bool ignore_cancellation) {
    crowd = new Crowd(size);
    auto serving =
        ignore_cancellation
            ? eddy::serve(crowd->server, crowd->listener, stubborn, std::ref(crowd->handlers))
            : eddy::serve(crowd->server, crowd->listener, echo_alive, std::ref(crowd->handlers));
    eddy::spawn(std::move(serving)).detach();
    co_await crowd->connect_all();
}

/// Returns how many jobs had to be destroyed.
std::size_t end_loop(bool ignore_cancellation) {
    const DescriptorLimit limit;
    const std::size_t fds = open_fds();
    VirtualClock clock;
    RecordingObserver observer;
    Crowd* crowd = nullptr;
    {
        eddy::Loop loop({.clock = &clock, .observer = &observer});
        loop.run(leave(crowd, crowd_size(limit), ignore_cancellation), {.grace = 1s});
        CHECK(loop.statistics().jobs_alive == 0);
    }
    CHECK(crowd->handlers == 0);
    CHECK(crowd->clients.size() == crowd->size);
    for (const TcpStream& client : crowd->clients) {
        CHECK_FALSE(client.is_open());
    }
    CHECK(open_fds() == fds);  // although the streams are still there
    CHECK(observer.failures.empty());
    delete crowd;
    return observer.abandoned.size();
}

TEST_CASE("a loop that ends ends a thousand connections, and closes their descriptors") {
    CHECK(end_loop(false) == 0);
}

TEST_CASE("a loop that ends destroys a thousand handlers that ignore their cancellation") {
    CHECK(end_loop(true) >= thousand / 2);
}

}  // namespace
