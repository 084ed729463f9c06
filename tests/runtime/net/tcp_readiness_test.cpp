// SPDX-License-Identifier: MIT
#include <array>
#include <cstddef>
#include <string>

#include <eddy/detail/awaiting.hpp>
#include <eddy/error.hpp>
#include <eddy/net/tcp.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"
#include "uv_inventory.hpp"

// What the loop watches, and what happens to a result whose job died before it could look.

namespace {

using namespace eddy::testing;
using eddy::Address;
using eddy::BrokenResource;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;
using eddy::detail::WaiterAccess;

/// As a job's frame would be destroyed between the end of an operation and its resumption.
template <class Op>
void die_with(Op& op) {
    WaiterAccess::commit_at_once(op, *eddy::detail::thread_state.job);
    WaiterAccess::abandon_own(op);
}

EDDY_NET_TEST("a stream is armed by the first read that waits, and stays so") {
    TcpPair pair = co_await tcp_pair();
    co_await settle();
    const int before = armed();
    std::array<std::byte, 8> buffer{};
    for (int i = 0; i < 3; ++i) {
        auto reader = eddy::spawn(read_task(pair.server, buffer));
        co_await settle();
        CHECK(armed() == before + 1);
        co_await pair.client.write_all("x");
        const std::size_t count = co_await reader;
        CHECK(count == 1);
        co_await settle();
        CHECK(armed() == before + 1);
    }
}

EDDY_NET_TEST("bytes that nobody reads do not keep the loop awake") {
    TcpPair pair = co_await tcp_pair();
    co_await settle();
    const int before = armed();
    co_await pair.client.write_all("one");
    const std::string one = co_await read_text(pair.server);
    CHECK(armed() == before + 1);
    co_await pair.client.write_all("two");
    co_await settle();
    co_await settle();
    CHECK(armed() == before);
    const std::string two = co_await read_text(pair.server);  // asks before it waits
    CHECK(two == "two");
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(pair.server, buffer));
    co_await settle();
    CHECK(armed() == before + 1);
    co_await pair.client.write_all("three");
    const std::size_t count = co_await reader;
    CHECK(count == 5);
}

EDDY_NET_TEST("room that nobody writes into does not keep the loop awake") {
    TcpPair pair = co_await tcp_pair();
    co_await settle();
    const int before = armed();
    const std::size_t filled = co_await fill(pair.client);
    auto writer = eddy::spawn(write_task(pair.client, bytes_of("x")));
    co_await settle();
    CHECK(armed() == before + 1);
    const std::size_t drained = co_await drain(pair.server, filled + 1);
    CHECK(drained == filled + 1);
    co_await writer;
    pair.server.close();
    co_await settle();
    co_await settle();
    CHECK(armed() == before);
}

EDDY_NET_TEST("a peer that is gone does not keep the loop awake") {
    TcpPair pair = co_await tcp_pair();
    co_await settle();
    const int before = armed();
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(pair.server, buffer));
    co_await settle();
    pair.client.close();
    const std::size_t end = co_await reader;
    CHECK(end == 0);
    co_await settle();
    co_await settle();
    CHECK(armed() == before);
}

EDDY_NET_TEST("a connection that nobody accepts does not keep the loop awake") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    auto job = eddy::spawn(accept_task(listener));
    co_await settle();
    const int before = armed();
    const TcpStream first = co_await eddy::connect(listener.local_address());
    co_await job;
    const TcpStream second = co_await eddy::connect(listener.local_address());
    co_await settle();
    co_await settle();
    CHECK(armed() == before - 1);
    const TcpStream server = co_await listener.accept();
    CHECK(server.peer_address() == second.local_address());
}

EDDY_NET_TEST("a connection accepted by a job that died goes to the next one") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    std::vector<TcpStream> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(co_await eddy::connect(listener.local_address()));
    }
    const TcpStream first = co_await listener.accept();
    {
        auto op = listener.accept();
        const bool accepted = op.try_now();
        CHECK(accepted);
        die_with(op);
    }
    const TcpStream second = co_await listener.accept();
    CHECK(second.peer_address() == clients[1].local_address());
    const TcpStream third = co_await listener.accept();
    CHECK(third.peer_address() == clients[2].local_address());
}

EDDY_NET_TEST("a connection accepted by a job that died goes to one that waits, or is closed") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    const TcpStream one = co_await eddy::connect(listener.local_address());
    TcpStream two = co_await eddy::connect(listener.local_address());
    const TcpStream first = co_await listener.accept();
    auto op = listener.accept();
    const bool accepted = op.try_now();
    CHECK(accepted);
    auto waiting = eddy::spawn(accept_task(listener));
    co_await settle();
    CHECK(listener.statistics().waiters == 1);
    die_with(op);
    CHECK(listener.statistics().waiters == 0);
    co_await waiting;
    TcpStream three = co_await eddy::connect(listener.local_address());
    co_await settle();
    auto late = listener.accept();
    bool got = late.try_now();
    CHECK(got);
    listener.close();
    die_with(late);
    const std::string end = co_await read_text(three);
    CHECK(end.empty());
}

EDDY_NET_TEST("after bytes died with a job, reads do not go on behind the hole") {
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.write_all("abcdef");
    const std::string first = co_await read_text(pair.server, 2);  // there is more
    CHECK(first == "ab");
    {
        std::array<std::byte, 2> buffer{};
        auto op = pair.server.read_some(buffer);
        const bool read = op.try_now();
        CHECK(read);
        die_with(op);
    }
    const auto error = co_await error_of(read_text(pair.server));
    CHECK(holds<BrokenResource>(error));
    // Nor does anybody else, with its descriptor.
    CHECK_THROWS_AS(static_cast<void>(pair.server.release()), eddy::InvalidState);
    CHECK(pair.server.is_open());
}

EDDY_NET_TEST("an operation that ended keeps the socket, and its message, for its job") {
    TcpPair pair = co_await tcp_pair();
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(pair.client, buffer));
    co_await settle();
    const std::string peer = pair.client.peer_address().to_string();
    {
        const TcpStream gone = std::move(pair.client);
    }
    const auto error = co_await failure_of(reader);
    const std::string message = as<eddy::ClosedResource>(error).what();
    CHECK(message.find("read " + peer + ": ") == 0);
}

}  // namespace
