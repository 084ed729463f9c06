// SPDX-License-Identifier: MIT
// A standard error that takes nothing holds up neither a loop nor the end of the process.
#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <stdexcept>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>

#include "child_process.hpp"
#include "log_child.hpp"
#include "skip.hpp"

#ifndef EDDY_NO_FORK

namespace {

using namespace eddy::testing;
using namespace std::chrono_literals;
using eddy::Task;

Task<> answers(eddy::TcpStream stream) {
    static int failures = 0;
    std::array<std::byte, 16> buffer{};
    try {
        const std::size_t length = co_await stream.read_some(buffer);
        co_await stream.write_all(std::span<const std::byte>(buffer).first(length));
    } catch (const eddy::IoError&) {
        say(++failures, 100);  // more than the log would of its own: it is to be full
        throw;
    }
}

/// A client that asks and gets an answer, or one that goes away with a reset.
Task<> asks(eddy::Address address, bool resets, int& answered) {
    eddy::TcpStream stream = co_await eddy::connect(address);
    if (resets) {
        stream.close_reset();
        co_return;
    }
    const std::array<std::byte, 4> question{};
    std::array<std::byte, 4> answer{};
    co_await stream.write_all(question);
    const std::size_t length = co_await stream.read_some(answer);
    answered += length == 4 ? 1 : 0;
}

Task<int> asks_all(int requests) {
    int answered = 0;
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    const eddy::Address address = listener.local_address();
    eddy::Server server({.drain = 10s});
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(eddy::serve(server, listener, answers));
        for (int i = 0; i < requests; ++i) {
            co_await asks(address, i % 2 == 0, answered);
            if (i % 97 == 0) {
                eddy::spawn([]() -> Task<> {  // a failure that the log tells of
                    throw std::runtime_error("nobody waits for me");
                    co_return;
                });
            }
        }
        server.drain();
    });
    co_return answered;
}

/// Whether the child answers everybody and ends, while its standard error stays full.
void check_stuck(const Ends& ends, int requests) {
    fill(ends.theirs);
    REQUIRE(is_full(ends.theirs));
    Child child(ends, [requests](const Child::Signals&) {
        const int answered = eddy::run(asks_all(requests));
        return answered == requests / 2 ? 0 : 1;
    });
    CHECK(child.wait() == 0);
    CHECK(is_full(ends.theirs));
    close_both(ends);
}

}  // namespace

TEST_CASE("with a full pipe as standard error 10,000 requests are answered, and the process ends") {
    check_stuck(pipe_ends(), 10'000);
}

TEST_CASE("with a stopped terminal as standard error requests are answered, and the process ends") {
    const Ends ends = terminal_ends();
    if (ends.theirs < 0) {
        eddy::testing::skip("there are no terminals here");
        return;
    }
    check_stuck(ends, 400);
}

TEST_CASE("with a full socket as standard error requests are answered, and the process ends") {
    check_stuck(socket_ends(), 400);
}

TEST_CASE("a main that fails says so, and ends, though nobody reads its standard error") {
    const Ends ends = pipe_ends();
    fill(ends.theirs);
    Child child(ends, [](const Child::Signals&) {
        return eddy::run_main([]() -> Task<> {
            throw std::runtime_error("that is all");
            co_return;
        }());
    });
    CHECK(child.wait() == 1);
    CHECK(is_full(ends.theirs));
    close_both(ends);
}

#endif
