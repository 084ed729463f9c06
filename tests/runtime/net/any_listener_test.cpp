// SPDX-License-Identifier: MIT
// Any listener behind one type.
#include <eddy/net/any_listener.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/net/connect.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/then.hpp>

#include "heap_hooks.hpp"
#include "net_kit.hpp"
#include "plain_stream.hpp"
#include "shortage.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Address;
using eddy::AnyListener;
using eddy::AnyStream;
using eddy::Task;
using eddy::TcpListener;
using eddy::testing::MemoryListener;
using eddy::testing::MemoryStream;
using eddy::testing::PlainStream;
using eddy::testing::settle;
using eddy::testing::stream_contract::Ending;
using eddy::testing::stream_contract::ending;
using eddy::testing::stream_contract::read_text;
using eddy::testing::stream_contract::reads;

static_assert(eddy::Listener<AnyListener> && !std::copyable<AnyListener>);
static_assert(std::same_as<eddy::accepted_t<AnyListener>, AnyStream>);
static_assert(sizeof(AnyListener) == sizeof(void*));

class AcceptFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit AcceptFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return any_.accept(); }
    Task<> wait() {
        AnyStream stream = co_await any_.accept();
        CHECK(stream.get_if<MemoryStream>()->is_open());
        used_ = true;
    }
    Task<> wait_again() {
        CHECK(listener_.pending() == (used_ ? 0 : 1));
        complete();
        co_await wait();
    }
    void complete() { clients_.push_back(listener_.connect()); }
    bool intact() const { return listener_.waiting() == 0; }

private:
    MemoryListener listener_;
    AnyListener any_{std::ref(listener_)};
    std::vector<MemoryStream> clients_;
    bool used_ = false;
};

Task<> echo_once(AnyStream stream) {
    std::array<std::byte, 64> buffer{};
    const std::size_t length = co_await stream.read_some(buffer);
    co_await stream.write_all(std::span<const std::byte>(buffer).first(length));
}

}  // namespace

EDDY_WAIT_MATRIX("any_listener: accept", AcceptFixture)

EDDY_NET_TEST("any_listener serves TCP and Unix sockets with one handler") {
    const std::string name = std::string(1, '\0') + "eddy any " + std::to_string(::getpid());
    AnyListener tcp = TcpListener::listen(Address::loopback(0));
    AnyListener unix = eddy::UnixListener::listen(name);
    const auto address = tcp.local_address();
    REQUIRE(address.has_value());
    CHECK_FALSE(unix.local_address().has_value());
    CHECK(tcp.get_if<TcpListener>() != nullptr);
    CHECK(tcp.get_if<eddy::UnixListener>() == nullptr);
    auto one = eddy::spawn(eddy::serve(tcp, echo_once));
    auto other = eddy::spawn(eddy::serve(unix, echo_once));
    auto client = co_await eddy::connect(*address);
    auto local = co_await eddy::connect_unix(name);
    co_await client.write_all("one");
    co_await local.write_all("two");
    const std::string first = co_await read_text(client, 3);
    const std::string second = co_await read_text(local, 3);
    CHECK(first == "one");
    CHECK(second == "two");
    tcp.close();
    unix.close();
    co_await one;
    co_await other;
    const Ending late = co_await ending([&]() -> Task<> { co_await tcp.accept(); });
    CHECK(late == Ending::closed);
}

Task<> hears_of_silence(AnyStream stream, bool& heard) {
    try {
        std::array<std::byte, 64> buffer{};
        static_cast<void>(co_await stream.read_some(buffer));
    } catch (const eddy::IoError& error) {
        heard = error.code() == std::errc::timed_out;
    }
}

EDDY_TEST_CASE("serve holds the peers of any_listener to its limit on silence") {
    MemoryListener listener;
    AnyListener any{std::ref(listener)};
    eddy::Server server({.silence = 10s});
    bool heard = false;
    auto serving = eddy::spawn(eddy::serve(server, any, hears_of_silence, std::ref(heard)));
    MemoryStream silent = listener.connect();
    auto reading = eddy::spawn(reads(silent));
    co_await eddy::sleep_for(9s);
    CHECK_FALSE(reading.done());
    co_await eddy::sleep_for(12s);
    CHECK(reading.done());
    const Ending end = co_await reading;
    CHECK(end == Ending::zero);
    CHECK(heard);
    listener.close();
    co_await serving;
}

/// A listener whose streams have nothing that a stream may have besides.
class PlainListener final {
public:
    explicit PlainListener(MemoryListener& inner) : inner_(inner) {}
    auto accept() {
        return eddy::then([this] { return inner_.accept(); },
                          [](MemoryStream stream) { return PlainStream(std::move(stream)); });
    }
    void close() { inner_.close(); }

private:
    MemoryListener& inner_;
};

EDDY_TEST_CASE("serve takes any_listener of streams that cannot be watched") {
    MemoryListener listener;
    auto serving =
        eddy::spawn(eddy::serve(AnyListener(PlainListener(listener)), echo_once, {.silence = 1s}));
    MemoryStream client = listener.connect();
    co_await eddy::sleep_for(1h);
    co_await client.write_all("hi");
    const std::string got = co_await read_text(client, 2);
    CHECK(got == "hi");
    listener.close();
    co_await serving;
}

/// A listener of `AnyStream`s.
class AnysListener final {
public:
    explicit AnysListener(AnyListener inner) : inner_(std::move(inner)) {}
    auto accept() { return inner_.accept(); }
    void close() { inner_.close(); }

private:
    AnyListener inner_;
};

EDDY_TEST_CASE("any_listener of a listener that gives any streams gives the same") {
    MemoryListener listener;
    AnyListener any = AnysListener(AnyListener(std::ref(listener)));
    const MemoryStream client = listener.connect();
    AnyStream stream = co_await any.accept();
    CHECK(stream.get_if<MemoryStream>() != nullptr);
}

EDDY_TEST_CASE("any_listener that was moved from says so") {
    MemoryListener listener;
    AnyListener any{std::ref(listener)};
    const AnyListener owner(std::move(any));
    // NOLINTBEGIN(bugprone-use-after-move): that is the point.
    CHECK_FALSE(any);
    CHECK(owner);
    CHECK_THROWS_AS(static_cast<void>(any.accept()), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(any.local_address()), eddy::InvalidState);
    CHECK_THROWS_AS(any.close(), eddy::InvalidState);
    // NOLINTEND(bugprone-use-after-move)
    CHECK(listener.is_open());
    co_return;
}

EDDY_TEST_CASE("any_listener: an accept that lost a select has accepted nothing") {
    MemoryListener listener;
    AnyListener any{std::ref(listener)};
    auto accept = any.accept();
    const auto lost = co_await eddy::select(accept, eddy::sleep_for(1ms));
    CHECK(lost.index() == 1);
    const MemoryStream client = listener.connect();
    CHECK(listener.pending() == 1);
    AnyStream stream = co_await accept;
    CHECK(stream.get_if<MemoryStream>()->is_open());
    auto waiting = eddy::spawn([](AnyListener& on) -> Task<Ending> {
        co_return co_await ending([&]() -> Task<> { co_await on.accept(); });
    }(any));
    co_await settle();
    any.close();
    const Ending how = co_await waiting;
    CHECK(how == Ending::closed);
}

#if EDDY_HEAP_HOOKS && EDDY_FRAME_POOL

TEST_CASE("any_listener: a shortage at every allocation") {
    eddy::testing::survives_shortage_in_job([]() -> Task<> {
        MemoryListener listener;
        AnyListener any{std::ref(listener)};
        MemoryStream client = listener.connect();
        AnyStream stream = co_await any.accept();
        co_await client.write_all("text");
        std::array<std::byte, 8> buffer{};
        static_cast<void>(co_await stream.read_some(buffer));
    });
}

#endif
