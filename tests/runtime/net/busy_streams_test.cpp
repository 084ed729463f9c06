// SPDX-License-Identifier: MIT
// Streams beside jobs that are always ready, and streams that always fail. (Trials A3, A4.)
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/yield.hpp>

#include "failures_before_others.hpp"
#include "net_kit.hpp"
#include "system_calls.hpp"

namespace {

using namespace eddy::testing;
using namespace std::chrono_literals;
using eddy::Address;
using eddy::select;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

using Buffer = std::array<std::byte, 16>;

EDDY_NET_TEST("a select hears of what comes in, though something else can always happen") {
    auto [client, server] = co_await tcp_pair();
    Gate open;
    open.open();
    Buffer buffer{};
    bool sent = false;
    bool heard = false;
    for (int i = 0; i < 100'000 && !heard; ++i) {
        const auto got = co_await select(server.read_some(buffer), open.wait());
        heard = got.index() == 0;
        CHECK((sent || !heard));
        if (i == 1'000) {
            co_await client.write_all("now");
            sent = true;
        }
    }
    CHECK(heard);
}

EDDY_NET_TEST("a select hears of who connects, though something else can always happen") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    Gate open;
    open.open();
    auto client = eddy::spawn(eddy::connect(listener.local_address()));
    bool heard = false;
    for (int i = 0; i < 100'000 && !heard; ++i) {
        const auto got = co_await select(listener.accept(), open.wait());
        heard = got.index() == 0;
    }
    CHECK(heard);
    co_await client;
}

EDDY_NET_TEST("streams and listeners that always fail hold up nobody") {
    auto [client, server] = co_await tcp_pair();
    client.close_reset();
    Buffer buffer{};
    const auto reads = [&server, &buffer] { return server.read_some(buffer); };
    const auto writes = [&server] { return server.write_all("text"); };
    const auto ends = [&server] { return server.shutdown(); };
    try {
        co_await server.read_some(buffer);
    } catch (const eddy::BrokenResource&) {
    }
    const std::size_t read = co_await failures_before_others(reads);
    CHECK(read <= few_failures);
    const std::size_t written = co_await failures_before_others(writes);
    CHECK(written <= few_failures);
    server.close();
    const std::size_t ended = co_await failures_before_others(ends);
    CHECK(ended <= few_failures);
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    listener.close();
    const std::size_t accepted =
        co_await failures_before_others([&listener] { return listener.accept(); });
    CHECK(accepted <= few_failures);
}

EDDY_NET_TEST("wrappers that refuse before they reach the stream hold up nobody") {
    auto [here, there] = memory_stream_pair();
    eddy::TimedStream<MemoryStream&> timed(here, {.idle = 1h});
    Buffer buffer{};
    auto reading = eddy::spawn(read_task(timed, buffer));
    co_await settle();
    const std::size_t busy =
        co_await failures_before_others([&timed, &buffer] { return timed.read_some(buffer); });
    CHECK(busy <= few_failures);
    there.close();
    co_await reading;

    auto [one, other] = memory_stream_pair();
    eddy::BufferedReader reader(one);
    auto line = eddy::spawn(
        [](eddy::BufferedReader<MemoryStream>& from) -> Task<> {
            static_cast<void>(co_await from.read_line());
        },
        std::ref(reader));
    co_await settle();
    const std::size_t second =
        co_await failures_before_others([&reader] { return reader.read_line(); });
    CHECK(second <= few_failures);
    eddy::FrameWriter writer(one, {.limit = 1});
    const std::size_t large =
        co_await failures_before_others([&writer] { return writer.send("text"); });
    CHECK(large <= few_failures);
    other.close();
    co_await line;
}

EDDY_NET_TEST("names and paths that are refused at once hold up nobody") {
    const std::size_t empty =
        co_await failures_before_others([] { return eddy::resolve("", std::uint16_t{80}); });
    CHECK(empty <= few_failures);
    const std::string path(1'000, 'x');
    const std::size_t unix =
        co_await failures_before_others([&path] { return eddy::connect_unix(path); });
    CHECK(unix <= few_failures);
}

#if EDDY_SYSTEM_CALL_FAULTS
EDDY_NET_TEST("connecting without descriptors, again and again, holds up nobody") {
    FailNth none(SystemCall::socket, EMFILE, 1, FailNth::always);
    const std::size_t failed =
        co_await failures_before_others([] { return eddy::connect(Address::loopback(1)); });
    CHECK(failed <= few_failures);
    CHECK(failed > 0);
}
#endif

}  // namespace
