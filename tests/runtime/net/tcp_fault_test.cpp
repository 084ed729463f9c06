// SPDX-License-Identifier: MIT
#include <array>
#include <csignal>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>

#include <eddy/error.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/with_scope.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"

// What peers and networks do to a connection.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Address;
using eddy::BrokenResource;
using eddy::IoError;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

EDDY_NET_TEST("a peer that resets in the middle of a write breaks it") {
    TcpPair pair = co_await tcp_pair();
    const std::vector<std::byte> large(16U << 20U);
    auto writer = eddy::spawn(write_task(pair.client, large));
    co_await settle();
    CHECK(pair.client.statistics().writing);
    const Address peer = pair.client.peer_address();
    pair.server.close_reset();
    const auto error = co_await failure_of(writer);
    CHECK(holds<BrokenResource>(error));
    CHECK(as<BrokenResource>(error).what() ==
          "write " + peer.to_string() + ": Connection reset by peer");
    const auto later = co_await error_of(write_task(pair.client, bytes_of("x")));
    CHECK(holds<BrokenResource>(later));
    const auto reading = co_await error_of(read_text(pair.client));
    CHECK(holds<BrokenResource>(reading));  // the kernel calls this an end of stream
}

EDDY_NET_TEST("a reset reaches a reader and a writer that wait") {
    TcpPair pair = co_await tcp_pair();
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(pair.client, buffer));
    co_await fill(pair.client);
    auto writer = eddy::spawn(write_task(pair.client, bytes_of("x")));
    co_await settle();
    pair.server.close_reset();
    const auto reading = co_await failure_of(reader);
    CHECK(holds<BrokenResource>(reading));
    const auto writing = co_await failure_of(writer);
    CHECK(holds<BrokenResource>(writing));
}

EDDY_NET_TEST("a write to a peer that is gone is broken, and no signal") {
    TcpPair pair = co_await tcp_pair();
    pair.server.close();
    co_await settle();
    std::exception_ptr error;
    for (int i = 0; i < 3 && !error; ++i) {  // the first one provokes the reset
        error = co_await error_of(write_task(pair.client, bytes_of("x")));
        co_await settle();
    }
    CHECK(holds<BrokenResource>(error));
}

EDDY_NET_TEST("bytes that came before a reset are read first, if the kernel kept them") {
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.write_all("unread");
    co_await pair.server.write_all("kept");
    pair.server.close();  // with bytes unread: a reset
    std::string text;
    const auto error = co_await error_of([](TcpStream& stream, std::string& out) -> Task<> {
        while (true) {
            const std::string more = co_await read_text(stream);
            if (more.empty()) {
                break;
            }
            out += more;
        }
    }(pair.client, text));
    CHECK(holds<BrokenResource>(error));
    CHECK((text.empty() || text == "kept"));
}

EDDY_NET_TEST("nobody listens: refused, with the address in the message") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    const Address nobody = listener.local_address();
    listener.close();
    const auto error = co_await error_of(eddy::connect(nobody));
    CHECK(holds<IoError>(error));
    CHECK(as<IoError>(error).code() == std::errc::connection_refused);
    CHECK(as<IoError>(error).what() == "connect " + nobody.to_string() + ": Connection refused");
}

/// True if one of so many connections to where nobody listens came about.
Task<bool> anybody_there(Address target, int attempts) {
    for (int i = 0; i < attempts; ++i) {
        try {
            TcpStream stream = co_await eddy::connect(target);
            stream.close_reset();
            co_return true;
        } catch (const IoError&) {
        }
    }
    co_return false;
}

// The kernel may pick the target as our own port, and then connects the socket with itself. With
// so many attempts, which the schedules share, it does so in more than half of all runs.
EDDY_NET_TEST("a socket that meets itself has met nobody") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    const std::uint16_t port = listener.local_address().port() & 0xfffeU;  // as the kernel prefers
    listener.close();
    const auto attempts = 8000 / static_cast<int>(schedules().size()) + 1;
    const bool met = co_await anybody_there(Address::loopback(port), attempts);
    CHECK_FALSE(met);
    const bool met_any = co_await anybody_there(Address::any(port), attempts);
    CHECK_FALSE(met_any);
}

EDDY_NET_TEST("no way there: unreachable") {
    // Discard-only by RFC 6666, and TCP to a broadcast address: neither needs a network.
    const auto error = co_await error_of(eddy::connect(Address("255.255.255.255", 9)));
    CHECK(holds<IoError>(error));
    const std::error_code code = as<IoError>(error).code();
    CHECK((code == std::errc::network_unreachable || code == std::errc::permission_denied));
}

EDDY_NET_TEST("a peer that never reads stops the writer, until it does") {
    TcpPair pair = co_await tcp_pair();
    const std::vector<std::byte> large(16U << 20U);
    auto writer = eddy::spawn(write_task(pair.client, large));
    co_await settle();
    const std::uint64_t taken = pair.client.statistics().bytes_written;
    CHECK(taken < large.size());
    co_await settle();
    CHECK(pair.client.statistics().bytes_written == taken);
    const std::size_t drained = co_await drain(pair.server, large.size());
    CHECK(drained == large.size());
    co_await writer;
}

/// No end, no reset: its machine lost power, say. Only a timeout notices.
EDDY_NET_TEST("a peer that fell silent is given up after the idle time, and not before") {
    TcpPair pair = co_await tcp_pair();
    eddy::TimedStream timed(std::move(pair.client), {.idle = 1min});
    co_await pair.server.write_all("last words");
    const std::string words = co_await read_text(timed);
    CHECK(words == "last words");
    const eddy::TimePoint begun = eddy::now();
    const auto error = co_await error_of(read_text(timed));
    CHECK(holds<eddy::TimedOut>(error));
    CHECK(eddy::now() - begun == 1min);
}

EDDY_NET_TEST("a peer that closed only its own direction is served to the end") {
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.shutdown();
    const std::string end = co_await read_text(pair.server);
    CHECK(end.empty());
    const std::vector<std::byte> large(16U << 20U);
    auto writer = eddy::spawn(write_task(pair.server, large));
    const std::size_t drained = co_await drain(pair.client, large.size());
    CHECK(drained == large.size());
    co_await writer;
}

/// Both ends of an exchange, in one scope: whatever is cancelled, nothing is left.
Task<> exchange() {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn([](TcpListener& from) -> Task<> {
            TcpStream stream = co_await from.accept();
            co_await echo(std::move(stream));
        }(listener));
        TcpStream stream = co_await eddy::connect(listener.local_address());
        for (int i = 0; i < 3; ++i) {
            co_await stream.write_all("ping");
            const std::string text = co_await read_text(stream);
            CHECK(text == "ping");
        }
        co_await stream.shutdown();
        const std::string end = co_await read_text(stream);
        CHECK(end.empty());
    });
}

TEST_CASE("an echo exchange can be cancelled at every checkpoint") {
    {
        const eddy::Loop warm;
    }
    const std::size_t before = open_fds();
    const std::size_t count =
        cancel_at_each_checkpoint([] { return exchange(); }, [&] { CHECK(open_fds() == before); });
    CHECK(count >= 16);
}

/// A transfer larger than any buffer.
Task<> bulk() {
    TcpPair pair = co_await tcp_pair();
    const std::vector<std::byte> large(8U << 20U);
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn([](TcpStream stream, const std::vector<std::byte>& bytes) -> Task<> {
            co_await stream.write_all(bytes);
        }(std::move(pair.client), large));
        std::size_t total = 0;
        bool broken = false;
        try {
            std::vector<std::byte> buffer(1U << 20U);
            for (std::size_t count = 1; count != 0; total += count) {
                count = co_await pair.server.read_some(buffer);
            }
        } catch (const BrokenResource&) {
            broken = true;
        }
        CHECK((broken || total == large.size()));  // never a half that looks whole
    });
}

TEST_CASE("a transfer can be cancelled at every checkpoint, never leaving a silent half") {
    {
        const eddy::Loop warm;
    }
    const std::size_t before = open_fds();
    cancel_at_each_checkpoint([] { return bulk(); }, [&] { CHECK(open_fds() == before); });
}

}  // namespace
