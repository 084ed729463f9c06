// SPDX-License-Identifier: MIT
#include <eddy/net/serve.hpp>

#include <array>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/dump_jobs.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/testing/wait_matrix.hpp>

#include "broken_contract.hpp"
#include "heap_hooks.hpp"
#include "serve_kit.hpp"

namespace {

using namespace serve_kit;

class DrainFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit DrainFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return server_.wait_draining(); }
    Task<> wait() { co_await server_.wait_draining(); }
    Task<> wait_again() { co_await wait(); }
    void complete() { server_.drain(); }
    bool intact() const { return true; }

private:
    Server server_;
};

}  // namespace

EDDY_WAIT_MATRIX("Server::wait_draining", DrainFixture)

EDDY_TEST_CASE("every connection has a handler of its own") {
    MemoryListener listener;
    Server server;
    auto serving = eddy::spawn(serve(server, listener, echo));
    auto clients = connect(listener, 3);
    for (MemoryStream& client : clients) {
        const bool answered = co_await answers(client);
        CHECK(answered);
    }
    ServeStatistics now = server.statistics();
    CHECK(now.active == 3);
    CHECK(now.accepted == 3);
    clients.pop_back();
    co_await settle();
    now = server.statistics();
    CHECK(now.active == 2);
    CHECK(now.peak == 3);
    CHECK(now.completed == 1);
    clients.clear();
    server.drain();
    CHECK_FALSE(serving.done());  // nothing runs inside
    co_await serving;
    CHECK_FALSE(listener.is_open());
    now = server.statistics();
    CHECK(now.completed == 3);
    CHECK(now.active == 0);
    CHECK(now.draining);
}

EDDY_TEST_CASE("at the limit nobody is accepted, and the next one is when a connection ends") {
    MemoryListener listener;
    Server server({.max_connections = 2});
    auto serving = eddy::spawn(serve(server, listener, echo));
    auto clients = connect(listener, 4);
    co_await settle();
    CHECK(server.statistics().active == 2);
    CHECK(listener.pending() == 2);
    CHECK(listener.waiting() == 0);
    CHECK(eddy::dump_jobs().find("serve: connection limit") != std::string::npos);
    clients.erase(clients.begin());
    co_await settle();
    CHECK(server.statistics().active == 2);
    CHECK(listener.pending() == 1);
    const bool answered = co_await answers(clients[1]);
    CHECK(answered);
    clients.clear();
    co_await settle();
    CHECK(server.statistics().peak == 2);
    server.drain();
    co_await serving;
}

EDDY_TEST_CASE("drain stops accepting at once and lets the handlers finish") {
    MemoryListener listener;
    Server server({.drain = 2min});
    auto serving = eddy::spawn(serve(server, listener, holds));
    auto clients = connect(listener, 2);
    co_await eddy::sleep_for(20s);
    server.drain();
    CHECK(server.draining());
    co_await settle();
    CHECK_FALSE(listener.is_open());
    CHECK_THROWS_AS(static_cast<void>(listener.connect()), eddy::BrokenResource);
    CHECK_FALSE(serving.done());
    const long left =
        co_await milliseconds_of([](auto& handle) -> Task<> { co_await handle; }(serving));
    CHECK(left == 40'000);  // not a moment longer than the handlers
    CHECK(server.statistics().completed == 2);
    const std::string last = co_await read_text(clients[0], 4);
    CHECK(last == "done");
}

EDDY_TEST_CASE("handlers that take longer than the drain are cancelled") {
    MemoryListener listener;
    Server server({.drain = 10s});
    auto serving = eddy::spawn(serve(server, listener, holds));
    auto clients = connect(listener, 3);
    co_await eddy::sleep_for(20s);
    server.drain();
    const long left =
        co_await milliseconds_of([](auto& handle) -> Task<> { co_await handle; }(serving));
    CHECK(left == 10'000);
    CHECK(server.statistics().cancelled == 3);
    CHECK(server.statistics().active == 0);
    const Ending end = co_await reads(clients[0]);
    CHECK(end == Ending::zero);
}

EDDY_TEST_CASE("a second drain is more, or less, patient") {
    MemoryListener listener;
    Server server;
    auto serving = eddy::spawn(serve(server, listener, holds));
    auto clients = connect(listener, 1);
    co_await settle();
    server.drain(30s);
    co_await eddy::sleep_for(10s);
    server.drain(-1s);  // time that was computed may be over
    const long left =
        co_await milliseconds_of([](auto& handle) -> Task<> { co_await handle; }(serving));
    CHECK(left == 0);
    CHECK(server.statistics().cancelled == 1);

    MemoryListener late;
    const long nothing = co_await milliseconds_of(serve(server, late, holds));
    CHECK(nothing == 0);  // it drains for good
    CHECK_FALSE(late.is_open());
}

EDDY_TEST_CASE("a handler can end between two requests when the server drains") {
    MemoryListener listener;
    Server server;
    const auto polite = [](MemoryStream stream, Server& its) -> Task<> {
        std::array<std::byte, 16> buffer{};
        while (true) {
            const auto next = co_await eddy::select(stream.read_some(buffer), its.wait_draining());
            if (next.index() == 1) {
                co_await stream.write_all("bye");
                co_return;
            }
        }
    };
    auto serving = eddy::spawn(serve(server, listener, polite, std::ref(server)));
    auto clients = connect(listener, 1);
    co_await clients[0].write_all("request");
    co_await settle();
    server.drain();
    const long took =
        co_await milliseconds_of([](auto& handle) -> Task<> { co_await handle; }(serving));
    CHECK(took == 0);
    const std::string bye = co_await read_text(clients[0], 3);
    CHECK(bye == "bye");
}

EDDY_TEST_CASE("closing the listener ends the accepting, and the handlers take their time") {
    MemoryListener listener;
    Server server;
    auto serving = eddy::spawn(serve(server, listener, holds));
    auto clients = connect(listener, 1);
    co_await settle();
    listener.close();
    const long left =
        co_await milliseconds_of([](auto& handle) -> Task<> { co_await handle; }(serving));
    CHECK(left == 60'000);
    CHECK(server.statistics().completed == 1);
}

EDDY_TEST_CASE("a cancelled serve cancels its handlers and closes the listener") {
    MemoryListener listener;
    auto serving = eddy::spawn(serve(listener, holds, {.max_connections = 5}));
    auto clients = connect(listener, 2);
    co_await settle();
    serving.cancel();
    const long left =
        co_await milliseconds_of([](auto& handle) -> Task<> { co_await handle.wait(); }(serving));
    CHECK(left == 0);
    CHECK_FALSE(listener.is_open());
    const Ending end = co_await reads(clients[1]);
    CHECK(end == Ending::zero);
}

EDDY_TEST_CASE("one server serves several listeners under one limit") {
    MemoryListener first;
    MemoryListener second;
    Server server({.max_connections = 2});
    auto one = eddy::spawn(serve(server, first, echo));
    auto other = eddy::spawn(serve(server, second, echo));
    auto a = connect(first, 2);
    auto b = connect(second, 2);
    co_await settle();
    CHECK(server.statistics().active <= 3);  // one may have been accepted for later
    a.clear();
    for (MemoryStream& client : b) {
        const bool answered = co_await answers(client);
        CHECK(answered);
    }
    CHECK(server.statistics().active == 2);
    b.clear();
    server.drain();
    co_await one;
    co_await other;
    CHECK_FALSE(second.is_open());
    const ServeStatistics last = server.statistics();
    CHECK(last.accepted == last.completed + last.failed + last.cancelled + last.rejected);
}

Task<bool> is_served(MemoryStream client) {
    const auto answered = co_await eddy::move_on_after(1min, answers(client));
    co_return answered && *answered;
}

EDDY_TEST_CASE("connections accepted at the same moment are served one after the other") {
    constexpr std::size_t count = 3;
    MemoryListener listeners[count];
    Server server({.max_connections = 1});
    std::vector<eddy::JoinHandle<void>> serving;
    for (MemoryListener& listener : listeners) {
        serving.push_back(eddy::spawn(serve(server, listener, echo)));
    }
    co_await settle();  // each waits for a connection, and none knows of the others
    std::vector<eddy::JoinHandle<bool>> clients;
    for (MemoryListener& listener : listeners) {
        clients.push_back(eddy::spawn(is_served(listener.connect())));
    }
    for (auto& client : clients) {
        const bool served = co_await client;
        CHECK(served);
    }
    CHECK(server.statistics().accepted == count);
    server.drain();
    for (auto& job : serving) {
        co_await job;
    }
    CHECK(server.statistics().completed == count);
}

EDDY_TEST_CASE("options that make no sense are refused, and other threads are") {
    CHECK_THROWS_AS(Server({.drain = -1s}), std::invalid_argument);
    CHECK_THROWS_AS(Server({.first_pause = 0s}), std::invalid_argument);
    Server server;
    CHECK(server.max_connections() >= 1);
    CHECK(server.max_connections() <= 10'000);
    CHECK_FALSE(server.draining());
    int refused = 0;
    std::thread([&] {
        for (auto* attempt : {+[](Server& s) { s.drain(); },
                              +[](Server& s) { static_cast<void>(s.statistics()); },
                              +[](Server& s) { static_cast<void>(s.draining()); }}) {
            try {
                attempt(server);
            } catch (const eddy::WrongThread&) {
                ++refused;
            }
        }
    }).join();
    CHECK(refused == 3);
    CHECK_FALSE(server.draining());
    co_return;
}

EDDY_ABORT_TEST_CASE("destroying a server that serves is a broken contract",
                     "a Server was destroyed while it serves") {
    MemoryListener listener;
    auto server = std::make_unique<Server>();
    auto serving = eddy::spawn(serve(*server, listener, echo));
    co_await settle();
    server.reset();
}

TEST_CASE("serving survives a cancellation at every checkpoint") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        MemoryListener listener;
        Server server({.max_connections = 1});
        co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
            group.spawn(serve(server, listener, echo));
            auto clients = connect(listener, 2);
            const bool first = co_await answers(clients[0]);
            CHECK(first);
            clients.erase(clients.begin());
            const bool second = co_await answers(clients[0]);
            CHECK(second);
            clients.clear();
            server.drain();
        });
        CHECK(server.statistics().completed == 2);
    });
    CHECK(count > 10);
}

#if EDDY_HEAP_HOOKS && EDDY_FRAME_POOL

namespace {

Task<> serve_many(MemoryListener& listener, std::size_t& before) {
    for (int i = 0; i < 100; ++i) {
        MemoryStream client = listener.connect();
        const bool answered = co_await answers(client);
        CHECK(answered);
        client.close();
        co_await settle();
        if (i == 10) {
            before = eddy::testing::heap_counters().allocations;
        }
    }
}

}  // namespace

EDDY_TEST_CASE_FIFO("a warm server allocates nothing for a connection") {
    // What the memory listener itself allocates for a connection: a link, two rings, a list node.
    std::size_t own = 0;
    {
        MemoryListener listener;
        const std::size_t start = eddy::testing::heap_counters().allocations;
        const MemoryStream client = listener.connect();
        own = eddy::testing::heap_counters().allocations - start;
    }
    MemoryListener listener;
    Server server({.name = {}});  // a job's name is an allocation
    auto serving = eddy::spawn(serve(server, listener, echo));
    std::size_t before = 0;
    co_await serve_many(listener, before);
    CHECK(eddy::testing::heap_counters().allocations - before == 89 * own);
    server.drain();
    co_await serving;
}

#endif
