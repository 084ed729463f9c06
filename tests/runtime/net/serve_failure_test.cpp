// SPDX-License-Identifier: MIT
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/net/serve.hpp>
#include <eddy/own.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "serve_kit.hpp"

// What `serve` does when handlers fail, and when accept does.

using namespace serve_kit;

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
