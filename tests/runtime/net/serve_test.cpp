// SPDX-License-Identifier: MIT
#include <eddy/net/serve.hpp>

#include <array>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/testing/wait_matrix.hpp>

#include "child_process.hpp"
#include "heap_hooks.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::serve;
using eddy::Server;
using eddy::ServeStatistics;
using eddy::Task;
using eddy::testing::MemoryListener;
using eddy::testing::MemoryStream;
using eddy::testing::settle;
using eddy::testing::stream_contract::Ending;
using eddy::testing::stream_contract::read_text;
using eddy::testing::stream_contract::reads;

Task<> echo(MemoryStream stream) {
    std::array<std::byte, 64> buffer{};
    while (true) {
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            co_return;
        }
        co_await stream.write_all(std::span<const std::byte>(buffer).first(length));
    }
}

/// Holds its connection for a minute.
Task<> holds(MemoryStream stream) {
    co_await eddy::sleep_for(1min);
    co_await stream.write_all("done");
}

Task<> fails(MemoryStream) {
    throw std::runtime_error("bad request");
    co_return;
}

Task<bool> answers(MemoryStream& client) {
    co_await client.write_all("ping");
    const std::string answer = co_await read_text(client, 4);
    co_return answer == "ping";
}

std::vector<MemoryStream> connect(MemoryListener& listener, int count) {
    std::vector<MemoryStream> clients;
    for (int i = 0; i < count; ++i) {
        clients.push_back(listener.connect());
    }
    return clients;
}

Task<long> milliseconds_of(Task<> work) {
    const eddy::TimePoint begun = eddy::now();
    co_await std::move(work);
    co_return std::chrono::duration_cast<std::chrono::milliseconds>(eddy::now() - begun).count();
}

class DrainFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit DrainFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
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

EDDY_TEST_CASE("a handler that fails harms only its connection, and is reported") {
    auto& failures = eddy::testing::expected_failures();
    MemoryListener listener;
    Server server;
    auto handler = [n = 0](MemoryStream stream) mutable -> Task<> {
        if (++n == 1) {
            return fails(std::move(stream));
        }
        if (n == 2) {
            throw std::runtime_error("not even a task");
        }
        return echo(std::move(stream));
    };
    auto serving = eddy::spawn(serve(server, listener, eddy::own(handler)));
    std::vector<MemoryStream> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(listener.connect());
        co_await settle();
    }
    for (int i = 0; i < 2; ++i) {
        const Ending end = co_await reads(clients[static_cast<std::size_t>(i)]);
        CHECK(end == Ending::zero);
    }
    const bool answered = co_await answers(clients[2]);
    CHECK(answered);
    CHECK(server.statistics().failed == 2);
    CHECK(server.statistics().active == 1);
    REQUIRE(failures.size() == 2);
    CHECK(failures[0].message.find("bad request") != std::string::npos);
    CHECK(failures[0].where == "connection handler");
    CHECK(failures[0].job == "connection");
    CHECK(failures[1].message.find("not even a task") != std::string::npos);
    clients.clear();
    server.drain();
    co_await serving;
}

EDDY_TEST_CASE("a Cancelled from elsewhere is a failure of its handler, not of the server") {
    auto& failures = eddy::testing::expected_failures();
    std::exception_ptr stray;
    const auto none = co_await eddy::move_on_after(
        0s,
        [](std::exception_ptr& kept) -> Task<> {
            try {
                co_await eddy::sleep_forever();
            } catch (...) {
                kept = std::current_exception();
                throw;
            }
        },
        std::ref(stray));
    CHECK_FALSE(none);
    MemoryListener listener;
    Server server;
    auto handler = [&stray](MemoryStream) -> Task<> {
        std::rethrow_exception(stray);
        co_return;
    };
    auto serving = eddy::spawn(serve(server, listener, handler));
    auto clients = connect(listener, 2);
    co_await settle();
    CHECK(server.statistics().failed == 2);
    CHECK(failures.size() == 2);
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
    server.drain(0s);
    const long left =
        co_await milliseconds_of([](auto& handle) -> Task<> { co_await handle; }(serving));
    CHECK(left == 0);
    CHECK(server.statistics().cancelled == 1);
    CHECK_THROWS_AS(server.drain(-1s), std::invalid_argument);

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

EDDY_TEST_CASE("without descriptors it pauses, longer each time, and reports that once") {
    auto& failures = eddy::testing::expected_failures();
    MemoryListener listener;
    Server server({.first_pause = 5ms, .longest_pause = 100ms});
    listener.fail_accepts(std::errc::too_many_files_open, 7);
    auto clients = connect(listener, 1);
    const eddy::TimePoint begun = eddy::now();
    auto serving = eddy::spawn(serve(server, listener, echo));
    const bool answered = co_await answers(clients[0]);
    CHECK(answered);
    CHECK(eddy::now() - begun == (5 + 10 + 20 + 40 + 80 + 100 + 100) * 1ms);
    CHECK(listener.attempts() == 9);  // 7, the one that came, and the one that waits: no spinning
    CHECK(server.statistics().pauses == 7);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].where == "accept, which pauses and tries again");

    listener.fail_accepts(std::errc::too_many_files_open_in_system, 1);  // anew: from the beginning
    const eddy::TimePoint again = eddy::now();
    clients.push_back(listener.connect());
    const bool answered_too = co_await answers(clients[1]);
    CHECK(answered_too);
    CHECK(eddy::now() - again == 5ms);
    CHECK(failures.size() == 2);
    clients.clear();
    server.drain();
    co_await serving;
}

EDDY_TEST_CASE("a connection that ends cuts the pause short") {
    auto& failures = eddy::testing::expected_failures();
    MemoryListener listener;
    Server server({.first_pause = 1h, .longest_pause = 1h});
    auto serving = eddy::spawn(serve(server, listener, echo));
    auto clients = connect(listener, 1);
    co_await settle();
    listener.fail_accepts(std::errc::not_enough_memory, 1);
    co_await settle();
    clients.push_back(listener.connect());
    co_await eddy::sleep_for(1s);
    CHECK(server.statistics().accepted == 1);
    clients.erase(clients.begin());
    const bool answered = co_await answers(clients[0]);
    CHECK(answered);
    CHECK(server.statistics().pauses == 1);
    CHECK(failures.size() == 1);
    clients.clear();
    server.drain(0s);
    co_await serving;
}

EDDY_TEST_CASE("a connection that is gone before its accept is passed over at once") {
    MemoryListener listener;
    Server server;
    listener.fail_accepts(std::errc::connection_aborted, 1000);
    auto clients = connect(listener, 1);
    const eddy::TimePoint begun = eddy::now();
    auto serving = eddy::spawn(serve(server, listener, echo));
    const bool answered = co_await answers(clients[0]);
    CHECK(answered);
    CHECK(eddy::now() == begun);
    CHECK(server.statistics().aborted == 1000);
    CHECK(server.statistics().pauses == 0);
    clients.clear();
    server.drain();
    co_await serving;
}

EDDY_TEST_CASE("another failure of accept cancels the handlers and comes out") {
    MemoryListener listener;
    Server server;
    auto serving = eddy::spawn(serve(server, listener, holds));
    auto clients = connect(listener, 1);
    co_await settle();
    listener.fail_accepts(std::errc::bad_file_descriptor, 1);
    std::error_code code;
    try {
        co_await serving;
    } catch (const eddy::IoError& error) {
        code = error.code();
    }
    CHECK(code == std::errc::bad_file_descriptor);
    CHECK_FALSE(listener.is_open());
    CHECK(server.statistics().cancelled == 1);
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

TEST_CASE("destroying a server that serves is a broken contract") {
    const auto child = eddy::testing::run_in_child([] {
        eddy::run([]() -> Task<> {
            MemoryListener listener;
            auto server = std::make_unique<Server>();
            auto serving = eddy::spawn(serve(*server, listener, echo));
            co_await settle();
            server.reset();
        }());
        return 0;
    });
    CHECK(child.signal == SIGABRT);
    CHECK(child.errors.find("a Server was destroyed while it serves") != std::string::npos);
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
