// SPDX-License-Identifier: MIT
// A TCP forwarder: whoever connects here talks to HOST:PORT there (forward.hpp).
//
// Each half-close is passed on while the other direction goes on, and so is a reset. A target that
// does not answer within ten seconds, and a connection on which nothing moves for a minute, are
// closed. What went which way is counted, also for connections that broke, and printed: so it
// stands still when nobody takes its output. SIGINT or SIGTERM drain it.
#include <charconv>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/net/connect.hpp>
#include <eddy/net/copy.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>

#include "finished.hpp"
#include "forward.hpp"

using namespace std::chrono_literals;

namespace {

constexpr std::string_view usage =
    "usage: proxy ADDRESS:PORT HOST PORT\n"
    "Forwards connections to the first, such as 127.0.0.1:0, to the second. Port 0 picks one; it\n"
    "is printed.\n";

struct Target {
    std::string host;
    std::uint16_t port = 0;
};

struct Total {
    unsigned connections = 0;
    eddy::CopiedBytes bytes;
};

eddy::Task<> serve_client(eddy::TcpStream client, const Target& target, Total& total) {
    ++total.connections;
    const eddy::Address from = client.peer_address();
    const auto connect = [&target] { return eddy::connect(target.host, target.port); };
    eddy::CopiedBytes bytes;
    std::string end = "closed";
    try {
        co_await forward(std::move(client), connect, bytes);
    } catch (const std::exception& error) {
        end = error.what();
    }
    total.bytes.a_to_b += bytes.a_to_b;
    total.bytes.b_to_a += bytes.b_to_a;
    std::cout << from << ": " << bytes.a_to_b << " bytes there, " << bytes.b_to_a << " back, "
              << end << std::endl;
}

eddy::Task<> run_proxy(eddy::Address address, const Target& target, Total& total) {
    constexpr eddy::ServeOptions limits{.max_connections = 400, .drain = 10s, .silence = 60s};
    eddy::TcpListener listener = eddy::TcpListener::listen(address);
    std::cout << "listening on " << listener.local_address() << std::endl;
    co_await eddy::serve_until_signal(
        limits, listener, serve_client, std::cref(target), std::ref(total));
    std::cout << total.connections << " connections, " << total.bytes.a_to_b << " bytes there, "
              << total.bytes.b_to_a << " back\n";
}

/// Zero for what is no port.
std::uint16_t port_from(std::string_view text) {
    std::uint16_t port = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
    return parsed.ptr == text.data() + text.size() ? port : std::uint16_t{0};
}

}  // namespace

int main(int count, char** arguments) {
    const auto address = eddy::Address::try_parse(count > 1 ? arguments[1] : "");
    const std::uint16_t port = count == 4 ? port_from(arguments[3]) : std::uint16_t{0};
    if (!address || port == 0) {
        const bool asked = count == 2 && std::string_view(arguments[1]) == "--help";
        (asked ? std::cout : std::cerr) << usage;
        return finished(asked ? 0 : 2);
    }
    // Before the loop: connections refer to both.
    const Target target{arguments[2], port};
    Total total;
    return finished(eddy::run_main(run_proxy(*address, target, total)));
}
