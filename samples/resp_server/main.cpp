// SPDX-License-Identifier: MIT
// A server that speaks the Redis protocol: a small part of Redis, for redis-cli and any client.
//
// Requests are read where they lie (resp.hpp), answers are gathered and sent once a turn, BLPOP
// waits for several lists, a deadline, the peer and the end of the server in one `select`
// (session.hpp), what is published waits for nobody (channels.hpp). SIGTERM drains: what was read
// is answered, who waits gets nil. Try it with `redis-cli -p 6380`, or redis-benchmark.
#include <chrono>
#include <cstdint>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/task_group.hpp>

#include "../finished.hpp"
#include "resp.hpp"
#include "session.hpp"

using namespace std::chrono_literals;

namespace {

constexpr std::string_view usage =
    "usage: resp_server [--port PORT] [--listen ADDRESS] [--unix PATH] [--silence SECONDS]\n"
    "Serves a part of Redis on 127.0.0.1:6380, or where it is told; port 0 picks one, and with a\n"
    "PATH it listens there alone. A connection on which nothing moves for SECONDS, 600 unless\n"
    "said otherwise, is ended; one that waits in BLPOP, or has subscribed, is not. A request has\n"
    "up to 1,024 words and 1 MiB.\n";

struct Options {
    unsigned port = 6380;
    std::string address = "127.0.0.1";
    std::string path{};
    unsigned silence = 600;
};

[[nodiscard]] bool read(std::string_view text, std::int64_t most, unsigned& into) {
    const auto number = resp::number_from(text);
    const bool good = number && *number >= 0 && *number <= most;
    into = good ? static_cast<unsigned>(*number) : 0;
    return good;
}

/// Empty: what was asked for makes no sense.
std::optional<Options> options_from(int count, char** arguments) {
    Options options;
    for (int i = 1; i < count; i += 2) {
        const std::string_view name = arguments[i];
        const std::string_view value = i + 1 < count ? arguments[i + 1] : "";
        bool good = false;
        if (name == "--port") {
            good = read(value, 65535, options.port);
        } else if (name == "--listen") {
            options.address = value;
            good = !value.empty();
        } else if (name == "--unix") {
            options.path = value;
            good = !value.empty();
        } else if (name == "--silence") {
            good = read(value, 1'000'000, options.silence) && options.silence > 0;
        }
        if (!good) {
            return std::nullopt;
        }
    }
    return options;
}

template <class L>
eddy::Task<> serve_on(L listener, resp::Service& service, eddy::Server& server) {
    std::cout << "listening on " << listener.local_address() << std::endl;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(service.store.sweep());
        co_await eddy::serve_until_signal(server,
                                          listener,
                                          resp::serve_client<eddy::accepted_t<L>>,
                                          std::ref(service),
                                          std::ref(server));
        group.cancel("served");
    });
    const resp::Store::Lists left = service.store.lists();
    std::cout << "served " << server.statistics().accepted << " connections, " << service.commands
              << " commands; " << left.items << " list items left in " << left.keys << " keys\n";
}

eddy::Task<> run_server(const Options& options, resp::Service& service, eddy::Server& server) {
    if (options.path.empty()) {
        const eddy::Address address(options.address, static_cast<std::uint16_t>(options.port));
        co_await serve_on(eddy::TcpListener::listen(address), service, server);
    } else {
        co_await serve_on(
            eddy::UnixListener::listen(options.path, {.remove_stale = true}), service, server);
    }
}

}  // namespace

int main(int count, char** arguments) {
    const bool asked = count == 2 && std::string_view(arguments[1]) == "--help";
    const auto options = options_from(count, arguments);
    if (asked || !options) {
        (asked ? std::cout : std::cerr) << usage;
        return finished(asked ? 0 : 2);
    }
    // Before the loop: connections refer to both.
    resp::Service service;
    eddy::Server server({.max_connections = 10'000,
                         .drain = 10s,
                         .silence = std::chrono::seconds(options->silence),
                         .name = "client",
                         .refusal = "-ERR max number of clients reached\r\n"});
    return finished(eddy::run_main(run_server(*options, service, server)));
}
