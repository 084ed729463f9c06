// SPDX-License-Identifier: MIT
// An echo server that ends well: every connection gets back what it sends (echo.hpp).
//
// `serve` runs a job for each connection, up to a limit. SIGINT or SIGTERM drain it: nobody new is
// accepted, connections have ten seconds to finish, a second signal ends them at once. Who says
// nothing for a minute is disconnected, so that nobody holds a place for ever; who comes when there
// is none is told. Try it with `nc 127.0.0.1 PORT`, or `curl telnet://127.0.0.1:PORT`.
#include <charconv>
#include <chrono>
#include <iostream>
#include <string_view>

#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/task_group.hpp>

#include "echo.hpp"
#include "finished.hpp"

using namespace std::chrono_literals;

namespace {

constexpr std::string_view usage =
    "usage: echo_server [ADDRESS:PORT [SILENCE]]\n"
    "Sends back what it gets. The default, 127.0.0.1:0, picks a port; it is printed. A connection\n"
    "on which nothing moves for SILENCE milliseconds, 60000 unless said otherwise, is ended.\n";

eddy::Task<> say_when_draining(eddy::Server& server) {
    co_await server.wait_draining();
    std::cout << "draining" << std::endl;
}

eddy::Task<> run_server(eddy::Address address, eddy::Duration silence) {
    eddy::Server server({.max_connections = 1000,
                         .drain = 10s,
                         .silence = silence,
                         .refusal = "too many connections, come back later\n"});
    eddy::TcpListener listener = eddy::TcpListener::listen(address);
    std::cout << "listening on " << listener.local_address() << std::endl;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(say_when_draining(server));
        co_await eddy::serve_until_signal(server, listener, echo<eddy::TcpStream>);
    });
    const eddy::ServeStatistics all = server.statistics();
    std::cout << all.accepted << " connections, " << all.completed << " completed, " << all.failed
              << " failed, " << all.cancelled << " cancelled\n";
}

/// Zero for what is no number.
unsigned number_from(std::string_view text) {
    unsigned number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    return parsed.ptr == text.data() + text.size() ? number : 0;
}

}  // namespace

int main(int count, char** arguments) {
    const std::string_view argument = count > 1 ? arguments[1] : "127.0.0.1:0";
    const auto address = eddy::Address::try_parse(argument);
    const unsigned silence = number_from(count > 2 ? arguments[2] : "60000");
    if (count > 3 || !address || silence == 0) {
        const bool asked = argument == "--help";
        (asked ? std::cout : std::cerr) << usage;
        return finished(asked ? 0 : 2);
    }
    return finished(eddy::run_main(run_server(*address, std::chrono::milliseconds(silence))));
}
