// SPDX-License-Identifier: MIT
#include <chrono>
#include <csignal>
#include <functional>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/net/address.hpp>
#include <eddy/net/serve_until_signal.hpp>
#include <eddy/net/server.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/yield.hpp>

#include "child_process.hpp"

// The example of runtime/NETWORK.md, "How a server ends".

namespace server_example {

using namespace std::chrono_literals;
using eddy::Address;
using eddy::run_main;
using eddy::serve_until_signal;
using eddy::Server;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

struct Room {
    int visitors = 0;
};

Task<> handle(TcpStream stream, Room& room);

Task<> program(Room& room) {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    Server server({.drain = 10s});
    // SIGINT or SIGTERM drains; a second one ends it now.
    co_await serve_until_signal(server, listener, handle, std::ref(room));
}

int main() {
    Room room;  // before the loop: what handlers refer to outlives them all
    return run_main(program(room), {.grace = 5s});
}

Task<> handle(TcpStream stream, Room& room) {
    ++room.visitors;
    stream.close();
    co_return;
}

/// As `main`, with a job beside it that raises the signal once the server is there.
Task<> signalled(Room& room, int number) {
    auto serving = eddy::spawn(program(room));
    for (int i = 0; i < 4; ++i) {
        co_await eddy::yield();
    }
    static_cast<void>(std::raise(number));
    co_await serving;
}

}  // namespace server_example

TEST_CASE("the server of the example ends well on either signal") {
    for (const int number : {SIGINT, SIGTERM}) {
        const auto result = eddy::testing::run_in_child([number] {
            server_example::Room room;
            return eddy::run_main(server_example::signalled(room, number));
        });
        CHECK(result.exit_code == 0);
    }
}
