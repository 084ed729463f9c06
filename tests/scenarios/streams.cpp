// SPDX-License-Identifier: MIT
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/copy.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/testing/faulty_wire.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "kit.hpp"
#include "scenario.hpp"

namespace scenarios {

namespace {

using eddy::testing::memory_stream_pair;
using eddy::testing::MemoryListener;
using eddy::testing::MemoryStream;

template <class S>
Task<> echo(S stream) {
    std::array<std::byte, 16> buffer{};
    while (true) {
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            break;
        }
        co_await stream.write_all(std::span<const std::byte>(buffer).first(length));
    }
}

template <class S>
Task<std::string> read_all(S& stream) {
    std::string all;
    std::array<std::byte, 16> buffer{};
    while (true) {
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            break;
        }
        all.append(reinterpret_cast<const char*>(buffer.data()), length);
    }
    co_return all;
}

template <class S>
Task<> says_and_ends(S& stream, std::string text) {
    co_await stream.write_all(std::string_view(text));
    co_await stream.shutdown();
}

const std::string long_text =
    "what does not fit into the buffers of those in between, in one piece";

template <class S>
Task<> is_echoed(Trace& trace, S& client, S server) {
    co_await in_group([&](TaskGroup& group) -> Task<> {
        group.spawn(echo(std::move(server)));
        group.spawn(says_and_ends(client, long_text));
        const std::string got = co_await read_all(client);
        trace.note("client", got == long_text ? "got it back" : "got something else");
    });
}

Task<> memory_echo(Trace& trace) {
    auto [client, server] = memory_stream_pair({.capacity = 8, .seed = 3});
    co_await is_echoed(trace, client, std::move(server));
}

Task<> tcp_echo(Trace& trace) {
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    eddy::TcpStream client = co_await eddy::connect(listener.local_address());
    eddy::TcpStream server = co_await listener.accept();
    co_await is_echoed(trace, client, std::move(server));
}

/// By an abstract name, so that no file is left: each loop, and each process, has its own.
Task<> unix_echo(Trace& trace) {
    const std::string name = std::string(1, '\0') + "eddy scenario " + number(::getpid()) + " " +
                             number(reinterpret_cast<std::uintptr_t>(&trace));
    eddy::UnixListener listener = eddy::UnixListener::listen(name);
    eddy::UnixStream client = co_await eddy::connect_unix(name);
    eddy::UnixStream server = co_await listener.accept();
    co_await is_echoed(trace, client, std::move(server));
}

Task<> found(Trace& trace) {
    const auto addresses = co_await eddy::resolve("127.0.0.1", 80);
    trace.note("main", number(addresses.size()) + " address");
}

Task<> readable(Trace& trace) {
    auto [left, right] = memory_stream_pair();
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto waits = [&]() -> Task<> {
            co_await right.wait_readable();
            trace.note("reader", number(right.readable()) + " bytes");
        };
        group.spawn(waits);
        co_await eddy::sleep_for(1s);
        const std::array<std::byte, 5> bytes{};
        const std::size_t written = co_await left.write_some(bytes);
        trace.note("writer", number(written));
    });
}

Task<> lines_and_frames(Trace& trace) {
    auto [left, right] = memory_stream_pair({.capacity = 8, .seed = 5});
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto writes = [&]() -> Task<> {
            co_await left.write_all(std::string_view("one\ntwo\r\nthree\n"));
            eddy::FrameWriter writer(left);
            co_await writer.send(std::string_view("a frame"));
            co_await writer.send(std::string_view(""));
            co_await left.shutdown();
        };
        group.spawn(writes);
        eddy::BufferedReader lines(right);
        for (int i = 0; i < 3; ++i) {
            const auto line = co_await lines.read_line();
            trace.note("reader", line ? std::string(*line) : std::string("end"));
        }
        eddy::FrameReader frames(lines);
        while (true) {
            const auto frame = co_await frames.next();
            if (!frame) {
                break;
            }
            trace.note("reader", "frame of " + number(frame->size()));
        }
    });
}

Task<> copied(Trace& trace) {
    auto [client, near] = memory_stream_pair({.capacity = 8});
    auto [far, server] = memory_stream_pair({.capacity = 8});
    co_await in_group([&](TaskGroup& group) -> Task<> {
        group.spawn(echo(std::move(server)));
        const auto joins = [&]() -> Task<> {
            const eddy::CopiedBytes bytes = co_await eddy::copy_bidirectional(near, far);
            trace.note("proxy", number(bytes.a_to_b) + " there, " + number(bytes.b_to_a) + " back");
        };
        group.spawn(joins);
        group.spawn(says_and_ends(client, long_text));
        const std::string got = co_await read_all(client);
        trace.note("client", got == long_text ? "got it back" : "got something else");
    });
}

Task<> timed(Trace& trace) {
    auto [client, server] = memory_stream_pair();
    eddy::TimedStream stream(std::move(server), {.idle = 10s});
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto says = [&]() -> Task<> {
            for (int i = 0; i < 3; ++i) {
                co_await eddy::sleep_for(4s);
                co_await client.write_all(std::string_view("x"));
            }
        };
        group.spawn(says);
        try {
            std::array<std::byte, 4> buffer{};
            while (true) {
                const std::size_t length = co_await stream.read_some(buffer);
                trace.note("server", number(length) + " byte");
            }
        } catch (const eddy::TimedOut&) {
            trace.note("server", "timed out");
        }
    });
}

Task<> served(Trace& trace) {
    MemoryListener listener({.capacity = 8});
    eddy::Server server({.max_connections = 2, .drain = 5s, .silence = 1h});
    co_await in_group([&](TaskGroup& group) -> Task<> {
        group.spawn(eddy::serve(server, listener, echo<MemoryStream>));
        const auto client = [&](std::string who, eddy::Duration stays) -> Task<> {
            co_await eddy::checkpoint();  // once it is cancelled, the server may have gone
            MemoryStream stream = listener.connect();
            co_await stream.write_all(std::string_view("ping"));
            std::array<std::byte, 4> buffer{};
            std::size_t got = 0;
            while (got < 4) {
                got += co_await stream.read_some(std::span(buffer).subspan(got));
            }
            trace.note(who, "answered");
            co_await eddy::sleep_for(stays);
        };
        group.spawn(client, "a", 2s);
        group.spawn(client, "b", 1h);
        co_await eddy::sleep_for(1s);
        group.spawn(client, "c", 1s);  // there is no room until a has gone
        co_await eddy::sleep_for(3s);
        server.drain();
        trace.note("server", "drains");
        co_await eddy::sleep_for(10s);
        const eddy::ServeStatistics all = server.statistics();
        trace.note("server",
                   number(all.accepted) + " accepted, " + number(all.completed) + " completed, " +
                       number(all.cancelled) + " cancelled");
        group.cancel("enough");
    });
}

Task<> over_a_wire(Trace& trace) {
    auto [client, near] = memory_stream_pair({.capacity = 64});
    auto [far, server] = memory_stream_pair({.capacity = 64});
    eddy::testing::WireReport report;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const eddy::testing::WireFaults faults{.delay = 100ms, .piece = 10, .reset_after = 50};
        group.spawn(eddy::testing::faulty_wire(std::move(near), std::move(far), faults, report));
        const auto answers = [&]() -> Task<> {
            try {
                co_await echo(std::move(server));
            } catch (const eddy::BrokenResource&) {
                trace.note("server", "lost its client");
            }
        };
        group.spawn(answers);
        try {
            for (int i = 0; i < 5; ++i) {
                co_await client.write_all(std::string_view("0123456789"));
                std::array<std::byte, 10> buffer{};
                std::size_t got = 0;
                while (got < 10) {
                    got += co_await client.read_some(std::span(buffer).subspan(got));
                }
                trace.note("client", "answered");
            }
        } catch (const eddy::BrokenResource&) {
            trace.note("client", "lost its server");
        }
    });
    trace.note("wire", number(report.there) + " there, " + number(report.back) + " back");
}

}  // namespace

std::vector<Scenario> stream_scenarios() {
    return {
        {"an echo in memory",
         memory_echo,
         "client: 0 got it back\n"
         "~: 0 over\n"},
        {"an echo over TCP",
         tcp_echo,
         "client: 0 got it back\n"
         "~: 0 over\n"},
        {"an echo over a Unix socket",
         unix_echo,
         "client: 0 got it back\n"
         "~: 0 over\n"},
        {"a name that is an address",
         found,
         "main: 0 1 address\n"
         "~: 0 over\n"},
        {"a stream that is readable",
         readable,
         "reader: 1000 5 bytes\n"
         "writer: 1000 5\n"
         "~: 1000 over\n"},
        {"lines, then frames",
         lines_and_frames,
         "reader: 0 one, 0 two, 0 three, 0 frame of 7, 0 frame of 0\n"
         "~: 0 over\n"},
        {"a proxy",
         copied,
         "client: 0 got it back\n"
         "proxy: 0 68 there, 68 back\n"
         "~: 0 over\n"},
        {"a stream that loses patience",
         timed,
         "server: 4000 1 byte, 8000 1 byte, 12000 1 byte, 22000 timed out\n"
         "~: 22000 over\n"},
        {"a server with a limit, and its drain",
         served,
         "a: 0 answered\n"
         "b: 0 answered\n"
         "c: 2000 answered\n"
         "server: 4000 drains, 14000 3 accepted, 2 completed, 1 cancelled\n"
         "~: 14000 over\n"},
        {"a wire that is cut",
         over_a_wire,
         "client: 200 answered, 400 answered, 500 lost its server\n"
         "server: 500 lost its client\n"
         "wire: 500 30 there, 20 back\n"
         "~: 500 over\n"},
    };
}

}  // namespace scenarios
