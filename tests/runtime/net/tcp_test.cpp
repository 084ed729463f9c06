// SPDX-License-Identifier: MIT
#include <eddy/net/tcp.hpp>

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/with_scope.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Address;
using eddy::BrokenResource;
using eddy::BusyResource;
using eddy::ClosedResource;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

EDDY_NET_TEST("what is written at one end is read at the other, and echoed") {
    TcpPair pair = co_await tcp_pair();
    auto server = eddy::spawn(echo<TcpStream>, std::move(pair.server));
    co_await pair.client.write_all("hello");
    const std::string answer = co_await read_text(pair.client);
    CHECK(answer == "hello");
    co_await pair.client.shutdown();
    const std::string rest = co_await read_text(pair.client);
    CHECK(rest.empty());
    co_await server;
}

EDDY_NET_TEST("a connection over IPv6 works the same") {
    TcpPair pair = co_await tcp_pair(Address::loopback(0, eddy::AddressFamily::v6));
    co_await pair.server.write_all("six");
    const std::string text = co_await read_text(pair.client);
    CHECK(text == "six");
    const Address peer = pair.client.peer_address();
    const Address local = pair.server.local_address();
    CHECK(peer == local);
    CHECK(peer.is_v6());
}

EDDY_NET_TEST("the end of the stream is zero bytes, as often as one asks") {
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.write_all("last words");
    co_await pair.client.shutdown();
    const std::string words = co_await read_text(pair.server);
    CHECK(words == "last words");
    for (int i = 0; i < 3; ++i) {
        const std::string end = co_await read_text(pair.server);
        CHECK(end.empty());
        co_await settle();
    }
}

EDDY_NET_TEST("after a half-close the other direction still carries") {
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.shutdown();
    const std::string end = co_await read_text(pair.server);
    CHECK(end.empty());
    co_await pair.server.write_all("still here");
    const std::string text = co_await read_text(pair.client);
    CHECK(text == "still here");
    co_await pair.client.shutdown();  // twice is once
    const auto error = co_await error_of(write_task(pair.client, bytes_of("x")));
    CHECK(holds<ClosedResource>(error));
}

EDDY_NET_TEST("a small buffer gets the rest with the next reads") {
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.write_all("abcdefgh");
    std::string text;
    for (int i = 0; i < 4; ++i) {
        text += co_await read_text(pair.server, 2);
    }
    CHECK(text == "abcdefgh");
}

EDDY_NET_TEST("a read without a buffer is a mistake, a write without bytes is not") {
    TcpPair pair = co_await tcp_pair();
    const auto error = co_await error_of(read_task(pair.server, {}));
    CHECK(holds<std::invalid_argument>(error));
    co_await pair.client.write_all(std::span<const std::byte>());
    co_await pair.client.write_all("");
    const std::size_t none = co_await pair.client.write_some({});
    CHECK(none == 0);
}

EDDY_NET_TEST("several parts are written as one, empty ones and all") {
    TcpPair pair = co_await tcp_pair();
    std::vector<std::string> words;
    std::string expected;
    for (int i = 0; i < 100; ++i) {  // more than one system call takes
        words.push_back(i % 7 == 0 ? "" : std::string(static_cast<std::size_t>(i), 'a'));
        expected += words.back();
    }
    std::vector<std::span<const std::byte>> parts;
    for (const std::string& word : words) {
        parts.push_back(bytes_of(word));
    }
    co_await pair.client.write_all(parts);
    co_await pair.client.shutdown();
    const std::string text = co_await read_all(pair.server);
    CHECK(text == expected);
}

Task<> write_parts(TcpStream& stream, const std::vector<std::span<const std::byte>>& parts) {
    co_await stream.write_all(parts);
    co_await stream.shutdown();
}

EDDY_NET_TEST("parts too large for the kernel arrive whole and in order") {
    TcpPair pair = co_await tcp_pair();
    std::string expected;
    std::vector<std::string> blocks;
    for (int i = 0; i < 24; ++i) {
        blocks.emplace_back(400'000U + static_cast<unsigned>(i), static_cast<char>('a' + i));
        expected += blocks.back();
    }
    std::vector<std::span<const std::byte>> parts;
    for (const std::string& block : blocks) {
        parts.push_back(bytes_of(block));
    }
    auto writer = eddy::spawn(write_parts(pair.client, parts));
    const std::string text = co_await read_all(pair.server);
    CHECK((text == expected));
    co_await writer;
    CHECK(pair.client.statistics().bytes_written == expected.size());
    CHECK(pair.server.statistics().bytes_read == expected.size());
}

EDDY_NET_TEST("a second reader and a second writer are refused") {
    TcpPair pair = co_await tcp_pair();
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(pair.client, buffer));
    co_await fill(pair.client);
    auto writer = eddy::spawn(write_task(pair.client, bytes_of("more")));
    co_await settle();
    CHECK(pair.client.statistics().reading);
    CHECK(pair.client.statistics().writing);
    const auto reading = co_await error_of(read_task(pair.client, buffer));
    CHECK(holds<BusyResource>(reading));
    const auto writing = co_await error_of(write_task(pair.client, bytes_of("x")));
    CHECK(holds<BusyResource>(writing));
    const auto shutting = co_await error_of(shutdown_task(pair.client));
    CHECK(holds<BusyResource>(shutting));
    pair.client.close();
    const auto first = co_await failure_of(reader);
    CHECK(holds<ClosedResource>(first));
    const auto second = co_await failure_of(writer);
    CHECK(holds<ClosedResource>(second));
}

EDDY_NET_TEST("a stream knows both of its ends") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    TcpStream client = co_await eddy::connect(listener.local_address());
    TcpStream server = co_await listener.accept();
    CHECK(client.peer_address() == listener.local_address());
    CHECK(server.local_address() == listener.local_address());
    CHECK(server.peer_address() == client.local_address());
    client.close();
    CHECK(client.peer_address() == listener.local_address());
    CHECK_THROWS_AS(static_cast<void>(client.local_address()), ClosedResource);
}

EDDY_NET_TEST("options are set on open streams, and checked") {
    TcpPair pair = co_await tcp_pair();
    for (TcpStream* stream : {&pair.client, &pair.server}) {
        stream->set_nodelay(false);
        stream->set_nodelay(true);
        stream->set_keepalive({.idle = 30s, .interval = 5s, .count = 3});
        stream->clear_keepalive();
        CHECK_THROWS_AS(stream->set_keepalive({.idle = 0s}), std::invalid_argument);
        CHECK_THROWS_AS(stream->set_keepalive({.interval = std::chrono::seconds(1LL << 32)}),
                        std::invalid_argument);
        stream->close();
        CHECK_THROWS_AS(stream->set_nodelay(true), ClosedResource);
        CHECK_THROWS_AS(stream->set_keepalive({}), ClosedResource);
    }
}

EDDY_NET_TEST("a stream that was moved from says so, the one it went to works") {
    TcpPair pair = co_await tcp_pair();
    TcpStream moved = std::move(pair.client);
    CHECK_FALSE(pair.client.is_open());  // NOLINT(bugprone-use-after-move)
    const auto error = co_await error_of(write_task(pair.client, bytes_of("x")));
    CHECK(holds<eddy::InvalidState>(error));
    CHECK_THROWS_AS(pair.client.close(), eddy::InvalidState);
    co_await moved.write_all("here");
    const std::string text = co_await read_text(pair.server);
    CHECK(text == "here");
}

EDDY_NET_TEST("a stream may move while a job waits on it") {
    TcpPair pair = co_await tcp_pair();
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(pair.server, buffer));
    co_await settle();
    TcpStream moved = std::move(pair.server);
    co_await pair.client.write_all("abc");
    const std::size_t count = co_await reader;
    CHECK(count == 3);
}

EDDY_NET_TEST("assigning to a stream closes the one it had") {
    TcpPair first = co_await tcp_pair();
    TcpPair second = co_await tcp_pair();
    first.client = std::move(second.client);
    const std::string end = co_await read_text(first.server);
    CHECK(end.empty());
    co_await first.client.write_all("second");
    const std::string text = co_await read_text(second.server);
    CHECK(text == "second");
}

EDDY_NET_TEST("the halves of a stream work in two jobs, and the last one closes it") {
    TcpPair pair = co_await tcp_pair();
    {
        auto [reader, writer] = std::move(pair.client).split();
        std::array<std::byte, 16> buffer{};
        auto reading = eddy::spawn(read_task(reader, buffer));
        co_await writer.write_all("question");
        const std::string question = co_await read_text(pair.server);
        CHECK(question == "question");
        co_await pair.server.write_all("answer");
        const std::size_t count = co_await reading;
        CHECK(count == 6);
        {
            const eddy::WriteHalf dropped = std::move(writer);
        }
        const std::string end = co_await read_text(pair.server);
        CHECK(end.empty());  // dropping the write half shuts down writing
        co_await pair.server.write_all("more");
        const std::string more = co_await read_text(reader);
        CHECK(more == "more");
    }
    const auto error = co_await error_of(write_task(pair.server, bytes_of("x")));
    CHECK(error == nullptr);  // the first write learns of it
    co_await settle();
    const auto gone = co_await error_of(write_task(pair.server, bytes_of("x")));
    CHECK(holds<BrokenResource>(gone));
}

EDDY_NET_TEST("closing a half ends its waits, and only those") {
    TcpPair pair = co_await tcp_pair();
    auto [reader, writer] = std::move(pair.client).split();
    std::array<std::byte, 16> buffer{};
    auto reading = eddy::spawn(read_task(reader, buffer));
    co_await settle();
    reader.close();
    const auto error = co_await failure_of(reading);
    CHECK(holds<ClosedResource>(error));
    const auto again = co_await error_of(read_task(reader, buffer));
    CHECK(holds<ClosedResource>(again));
    co_await writer.write_all("goes on");
    const std::string text = co_await read_text(pair.server);
    CHECK(text == "goes on");
    writer.close();
    const auto writing = co_await error_of(write_task(writer, bytes_of("x")));
    CHECK(holds<ClosedResource>(writing));
}

EDDY_NET_TEST("a read can be one of several waits of a select") {
    TcpPair pair = co_await tcp_pair();
    Gate gate;
    std::array<std::byte, 8> buffer{};
    gate.open();
    const auto first = co_await eddy::select(pair.server.read_some(buffer), gate.wait());
    CHECK(first.index() == 1);
    co_await pair.client.write_all("kept");  // the read that was not chosen has taken nothing
    Gate closed;
    const auto second = co_await eddy::select(pair.server.read_some(buffer), closed.wait());
    CHECK(second.index() == 0);
    CHECK(std::get<0>(second) == 4);
}

EDDY_NET_TEST("another thread is refused, and nothing happens") {
    TcpPair pair = co_await tcp_pair();
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    std::thread([&] {
        CHECK_THROWS_AS(pair.client.close(), eddy::WrongThread);
        CHECK_THROWS_AS(static_cast<void>(pair.client.statistics()), eddy::WrongThread);
        CHECK_THROWS_AS(static_cast<void>(pair.client.peer_address()), eddy::WrongThread);
        CHECK_THROWS_AS(pair.client.set_nodelay(true), eddy::WrongThread);
        CHECK_THROWS_AS(listener.close(), eddy::WrongThread);
        CHECK_THROWS_AS(static_cast<void>(listener.statistics()), eddy::WrongThread);
        std::array<std::byte, 8> buffer{};
        CHECK_THROWS_AS(eddy::run(read_task(pair.client, buffer)), eddy::WrongThread);
        CHECK_THROWS_AS(eddy::run(write_task(pair.client, bytes_of("x"))), eddy::WrongThread);
        CHECK_THROWS_AS(eddy::run(shutdown_task(pair.client)), eddy::WrongThread);
        CHECK_THROWS_AS(eddy::run(accept_task(listener)), eddy::WrongThread);
    }).join();
    CHECK(listener.is_open());
    co_await pair.client.write_all("fine");
    const std::string text = co_await read_text(pair.server);
    CHECK(text == "fine");
}

}  // namespace
