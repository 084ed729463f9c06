// SPDX-License-Identifier: MIT
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <eddy/error.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/with_scope.hpp>

#include "../test_kit.hpp"
#include "broken_contract.hpp"
#include "net_kit.hpp"

// How streams end: closed, cancelled, destroyed, outlived.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Address;
using eddy::BrokenResource;
using eddy::CancelScope;
using eddy::ClosedResource;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

EDDY_NET_TEST("close wakes reader and writer, later operations fail at once") {
    TcpPair pair = co_await tcp_pair();
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(pair.client, buffer));
    co_await fill(pair.client);
    auto writer = eddy::spawn(write_task(pair.client, bytes_of("more")));
    co_await settle();
    pair.client.close();
    CHECK_FALSE(pair.client.is_open());
    const auto reading = co_await failure_of(reader);
    CHECK(holds<ClosedResource>(reading));
    const auto writing = co_await failure_of(writer);
    CHECK(holds<ClosedResource>(writing));
    const auto later_read = co_await error_of(read_task(pair.client, buffer));
    CHECK(holds<ClosedResource>(later_read));
    const auto later_write = co_await error_of(write_task(pair.client, bytes_of("x")));
    CHECK(holds<ClosedResource>(later_write));
    const auto later_shutdown = co_await error_of(shutdown_task(pair.client));
    CHECK(holds<ClosedResource>(later_shutdown));
    pair.client.close();
}

EDDY_NET_TEST("a stream destroyed with a read and a write pending ends both") {
    TcpPair pair = co_await tcp_pair();
    std::array<std::byte, 8> buffer{};
    auto doomed = std::make_unique<TcpStream>(std::move(pair.client));
    auto reader = eddy::spawn(read_task(*doomed, buffer));
    co_await fill(*doomed);
    auto writer = eddy::spawn(write_task(*doomed, bytes_of("more")));
    co_await settle();
    doomed.reset();
    const auto reading = co_await failure_of(reader);
    CHECK(holds<ClosedResource>(reading));
    const auto writing = co_await failure_of(writer);
    CHECK(holds<ClosedResource>(writing));
}

EDDY_NET_TEST("what was written before close still arrives") {
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.write_all("goodbye");
    pair.client.close();
    const std::string text = co_await read_all(pair.server);
    CHECK(text == "goodbye");
}

EDDY_NET_TEST("a stream closed with a reset is broken for its peer, for good") {
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.write_all("lost");
    pair.client.close_reset();
    std::array<std::byte, 8> buffer{};
    std::exception_ptr error;
    for (int i = 0; i < 3 && !error; ++i) {  // the bytes may or may not arrive
        error = co_await error_of(read_task(pair.server, buffer));
    }
    CHECK(holds<BrokenResource>(error));
    const auto again = co_await error_of(read_task(pair.server, buffer));
    CHECK(holds<BrokenResource>(again));  // not an end of stream
    const auto writing = co_await error_of(write_task(pair.server, bytes_of("x")));
    CHECK(holds<BrokenResource>(writing));
}

EDDY_NET_TEST("a cancelled read has taken nothing") {
    TcpPair pair = co_await tcp_pair();
    std::array<std::byte, 8> buffer{};
    CancelScope scope;
    auto reader = eddy::spawn(with_scope(scope, read_task(pair.server, buffer)));
    co_await settle();
    scope.cancel();
    co_await pair.client.write_all("whole");
    const auto nothing = co_await reader;
    CHECK_FALSE(nothing.has_value());
    const std::string text = co_await read_text(pair.server);
    CHECK(text == "whole");
}

EDDY_NET_TEST("a write cancelled before its first byte has not happened") {
    TcpPair pair = co_await tcp_pair();
    const std::size_t filled = co_await fill(pair.client);
    CancelScope scope;
    auto writer = eddy::spawn(with_scope(scope, write_task(pair.client, bytes_of("never"))));
    co_await settle();
    scope.cancel();
    const bool written = co_await writer;
    CHECK_FALSE(written);
    auto second = eddy::spawn(write_task(pair.client, bytes_of("instead")));
    const std::size_t drained = co_await drain(pair.server, filled);
    CHECK(drained == filled);
    co_await second;
    const std::string text = co_await read_text(pair.server);
    CHECK(text == "instead");
}

/// A write of more than fits, cancelled in the middle.
Task<> tear(TcpStream& stream) {
    const std::vector<std::byte> large(16U << 20U);
    CancelScope scope;
    auto writer = eddy::spawn(with_scope(scope, write_task(stream, large)));
    co_await settle();
    CHECK(stream.statistics().bytes_written > 0);
    scope.cancel();
    const bool written = co_await writer;
    CHECK_FALSE(written);
}

EDDY_NET_TEST("a write cancelled halfway breaks the stream: nothing follows the half") {
    TcpPair pair = co_await tcp_pair();
    co_await tear(pair.client);
    const auto writing = co_await error_of(write_task(pair.client, bytes_of("x")));
    CHECK(holds<BrokenResource>(writing));
    const auto shutting = co_await error_of(shutdown_task(pair.client));
    CHECK(holds<BrokenResource>(shutting));
    co_await pair.server.write_all("reading goes on");
    const std::string text = co_await read_text(pair.client);
    CHECK(text == "reading goes on");
    pair.client.close();
    const auto reading = co_await error_of(read_all(pair.server));
    CHECK(holds<BrokenResource>(reading));  // the peer cannot take the half for the whole
}

EDDY_NET_TEST("a torn stream that is destroyed resets its peer too") {
    TcpPair pair = co_await tcp_pair();
    {
        const TcpStream torn = std::move(pair.client);
        co_await tear(const_cast<TcpStream&>(torn));
    }
    const auto reading = co_await error_of(read_all(pair.server));
    CHECK(holds<BrokenResource>(reading));
}

EDDY_NET_TEST("closing in the middle of another job's write resets the peer") {
    TcpPair pair = co_await tcp_pair();
    const std::vector<std::byte> large(16U << 20U);
    auto writer = eddy::spawn(write_task(pair.client, large));
    co_await settle();
    pair.client.close();
    const auto writing = co_await failure_of(writer);
    CHECK(holds<ClosedResource>(writing));
    const auto reading = co_await error_of(read_all(pair.server));
    CHECK(holds<BrokenResource>(reading));
}

EDDY_NET_TEST("a write that a select did not choose tears the stream if it had begun") {
    TcpPair pair = co_await tcp_pair();
    const std::vector<std::byte> large(16U << 20U);
    Gate gate;
    gate.open();
    const auto first = co_await eddy::select(pair.client.write_all(large), gate.wait());
    CHECK(first.index() == 1);
    const auto writing = co_await error_of(write_task(pair.client, bytes_of("x")));
    CHECK(holds<BrokenResource>(writing));
}

EDDY_NET_TEST("a torn half that is dropped promises no end of stream") {
    TcpPair pair = co_await tcp_pair();
    std::optional<eddy::JoinHandle<std::string>> peer;
    {
        auto [reader, writer] = std::move(pair.client).split();
        const std::vector<std::byte> large(16U << 20U);
        CancelScope scope;
        auto writing = eddy::spawn(with_scope(scope, write_task(writer, large)));
        co_await settle();
        scope.cancel();
        co_await writing.wait();
        {
            const eddy::WriteHalf dropped = std::move(writer);
        }
        co_await pair.server.write_all("x");
        const std::string text = co_await read_text(reader);
        CHECK(text == "x");
        peer.emplace(eddy::spawn(read_all(pair.server)));
        co_await settle();
        CHECK(pair.server.statistics().reading);  // the half has arrived, and no end
    }
    const auto reading = co_await failure_of(*peer);
    CHECK(holds<BrokenResource>(reading));
}

Task<> keep(std::optional<TcpPair>& kept) { kept.emplace(co_await tcp_pair()); }

TEST_CASE("a stream that outlives its loop is closed") {
    std::optional<TcpPair> kept;
    const std::size_t before = open_fds();
    eddy::run(keep(kept));
    REQUIRE(kept);
    CHECK(open_fds() == before);
    CHECK_FALSE(kept->client.is_open());
    std::array<std::byte, 8> buffer{};
    CHECK_THROWS_AS(static_cast<void>(eddy::run(read_task(kept->client, buffer))), ClosedResource);
    CHECK_THROWS_AS(eddy::run(write_task(kept->client, bytes_of("x"))), ClosedResource);
    kept->client.close();
    std::thread([&] { kept.reset(); }).join();  // nothing is left in it that minds
}

Task<> wait_for_ever(TcpStream& stream) {
    std::array<std::byte, 8> buffer{};
    static_cast<void>(co_await stream.read_some(buffer));
}

Task<> leave_waiting(std::optional<TcpPair>& kept) {
    kept.emplace(co_await tcp_pair());
    eddy::spawn(wait_for_ever(kept->client)).detach();
    co_await settle();
}

TEST_CASE("a loop ends with streams open and jobs waiting on them") {
    std::optional<TcpPair> kept;
    VirtualClock clock;
    eddy::run(leave_waiting(kept), {}, {.clock = &clock});
    CHECK_FALSE(kept->client.is_open());
}

Task<> ignore_cancellation(TcpStream stream) {
    std::array<std::byte, 8> buffer{};
    static_cast<void>(co_await eddy::shield(read_task(stream, buffer)));
}

Task<> leave_stubborn() {
    TcpPair pair = co_await tcp_pair();
    eddy::spawn(ignore_cancellation(std::move(pair.client))).detach();
    eddy::spawn(ignore_cancellation(std::move(pair.server))).detach();
    co_await settle();
}

TEST_CASE("a loop that destroys jobs in the middle of a read leaves nothing open") {
    const std::size_t before = open_fds();
    VirtualClock clock;
    RecordingObserver observer;
    eddy::run(leave_stubborn(), {.grace = 1ms}, {.clock = &clock, .observer = &observer});
    CHECK(observer.abandoned.size() == 2);
    CHECK(open_fds() == before);
}

EDDY_ABORT_TEST_CASE("an open stream destroyed on another thread says what to do",
                     "close it on the loop") {
    TcpPair pair = co_await tcp_pair();
    std::thread([&] { const TcpStream gone = std::move(pair.client); }).join();
}

TEST_CASE("a socket needs a loop") {
    CHECK_THROWS_AS(static_cast<void>(TcpListener::listen(Address::loopback(0))),
                    eddy::InvalidState);
}

}  // namespace
