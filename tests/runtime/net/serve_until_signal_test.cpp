// SPDX-License-Identifier: MIT
#include <eddy/net/serve_until_signal.hpp>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/settle.hpp>

#include "child_process.hpp"
#include "serve_kit.hpp"

// Each in a child process: signals belong to the whole of one. A child returns zero when all is
// well.

namespace {

using namespace serve_kit;
using eddy::run_main;
using eddy::serve_until_signal;
using eddy::testing::run_in_child;

/// Waits for the server to see a signal.
Task<> raise_and_see(int number, Server& server) {
    static_cast<void>(raise(number));
    co_await server.wait_draining();
}

Task<int> drains(int number) {
    MemoryListener listener;
    Server server;
    auto serving = eddy::spawn(serve_until_signal(server, listener, echo));
    auto clients = connect(listener, 1);
    const bool before = co_await answers(clients[0]);
    co_await raise_and_see(number, server);
    const bool after = co_await answers(clients[0]);  // it may finish
    const bool open = serving.done();
    clients.clear();
    co_await serving;
    co_return before&& after && !open && server.statistics().completed == 1 ? 0 : 1;
}

Task<int> hurries(int first, int second) {
    MemoryListener listener;
    Server server({.drain = 1h});
    auto serving = eddy::spawn(serve_until_signal(server, listener, holds));
    auto clients = connect(listener, 2);
    for (int i = 0; i < 4; ++i) {
        co_await eddy::yield();
    }
    co_await raise_and_see(first, server);
    static_cast<void>(raise(second));
    co_await serving;
    co_return server.statistics().cancelled == 2 ? 0 : 1;
}

Task<> signalled_alone() {
    MemoryListener listener;
    auto serving = eddy::spawn(serve_until_signal(listener, echo, {.drain = 1ms}));
    const MemoryStream client = listener.connect();
    co_await eddy::yield();
    co_await eddy::yield();
    static_cast<void>(raise(SIGTERM));
    co_await serving;
}

}  // namespace

TEST_CASE("SIGINT and SIGTERM drain what serves until a signal, whoever else handles them") {
    for (const int number : {SIGINT, SIGTERM}) {
        for (const bool handle : {true, false}) {
            const auto result = run_in_child(
                [number, handle] { return run_main(drains(number), {.handle_signals = handle}); });
            CHECK(result.exit_code == 0);
            CHECK(result.errors.empty());
        }
    }
}

TEST_CASE("a second signal, of either kind, ends the serving at once") {
    for (const auto& [first, second] : {std::pair(SIGTERM, SIGTERM), std::pair(SIGTERM, SIGINT)}) {
        const auto result =
            run_in_child([one = first, two = second] { return run_main(hurries(one, two)); });
        CHECK(result.exit_code == 0);
    }
}

TEST_CASE("with a server of its own it returns when it has drained") {
    const auto result = run_in_child([] { return run_main(signalled_alone()); });
    CHECK(result.exit_code == 0);
}

TEST_CASE("afterwards the signals are the loop's again") {
    const auto result = run_in_child([] {
        return run_main([]() -> Task<> {
            co_await signalled_alone();  // by SIGTERM
            static_cast<void>(raise(SIGINT));
            co_await eddy::sleep_forever();
        }());
    });
    CHECK(result.exit_code == 128 + SIGINT);
}

TEST_CASE("what accept throws comes out raw") {
    const auto result = run_in_child([] {
        return eddy::run([]() -> Task<int> {
            MemoryListener listener;
            listener.fail_accepts(std::errc::invalid_argument, 1);
            try {
                co_await serve_until_signal(listener, echo);
            } catch (const eddy::IoError&) {
                co_return 0;
            }
            co_return 1;
        }());
    });
    CHECK(result.exit_code == 0);
}

TEST_CASE("cancelled, it cancels its handlers") {
    const auto result = run_in_child([] {
        return eddy::run([]() -> Task<int> {
            MemoryListener listener;
            auto serving = eddy::spawn(serve_until_signal(listener, holds));
            auto clients = connect(listener, 2);
            co_await settle();
            serving.cancel();
            co_await serving.wait();
            const Ending end = co_await reads(clients[0]);
            co_return end == Ending::zero&& serving.state() == eddy::JobState::cancelled ? 0 : 1;
        }());
    });
    CHECK(result.exit_code == 0);
}
