// SPDX-License-Identifier: MIT
// What a client keeps in order to connect: it does not know to what.
#include <eddy/net/connector.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/memory_connector.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/with_scope.hpp>

#include "heap_hooks.hpp"
#include "net_kit.hpp"
#include "shortage.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Address;
using eddy::AnyStream;
using eddy::Connector;
using eddy::Task;
using eddy::TcpListener;
using eddy::testing::memory_connector;
using eddy::testing::MemoryListener;
using eddy::testing::MemoryStream;
using eddy::testing::settle;
using eddy::testing::stream_contract::read_text;

static_assert(std::copyable<Connector>);
static_assert(!std::convertible_to<int, Connector>);

/// A client as those of protocols are: it connects when it has something to say.
class Client final {
public:
    explicit Client(Connector connector) : connector_(std::move(connector)) {}
    Task<std::string> ask(std::string question) {
        AnyStream stream = co_await connector_();
        co_await stream.write_all(question);
        co_return co_await read_text(stream, question.size());
    }

private:
    Connector connector_;
};

template <class L>
Task<> echoes_once(L& listener) {
    auto stream = co_await listener.accept();
    std::array<std::byte, 64> buffer{};
    const std::size_t length = co_await stream.read_some(buffer);
    co_await stream.write_all(std::span<const std::byte>(buffer).first(length));
}

}  // namespace

EDDY_NET_TEST("connector: over TCP by address, by name, and over a Unix socket") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    const Address address = listener.local_address();
    const std::string path = std::string(1, '\0') + "eddy connector " + std::to_string(::getpid());
    eddy::UnixListener local = eddy::UnixListener::listen(path);

    Client by_address(eddy::tcp_connector(address));
    auto first = eddy::spawn(echoes_once(listener));
    const std::string one = co_await by_address.ask("one");
    CHECK(one == "one");
    co_await first;

    Client by_name(eddy::tcp_connector("127.0.0.1", address.port()));
    auto second = eddy::spawn(echoes_once(listener));
    const std::string two = co_await by_name.ask("two");
    CHECK(two == "two");
    co_await second;

    Client by_path(eddy::unix_connector(path));
    auto third = eddy::spawn(echoes_once(local));
    const std::string three = co_await by_path.ask("three");
    CHECK(three == "three");
    co_await third;
}

EDDY_TEST_CASE("connector: a client is tested over memory, and connects as often as it likes") {
    MemoryListener listener;
    Client client(memory_connector(listener));
    for (int i = 0; i < 3; ++i) {
        auto server = eddy::spawn(echoes_once(listener));
        const std::string got = co_await client.ask("hello");
        CHECK(got == "hello");
        co_await server;
    }
}

EDDY_TEST_CASE("connector: a call keeps the callable and its arguments, whoever is gone") {
    MemoryListener listener;
    auto kept = std::make_shared<std::string>("kept");
    const std::weak_ptr<std::string> seen = kept;
    const auto fn = [](const std::shared_ptr<std::string>& text,
                       MemoryListener& to) -> Task<MemoryStream> {
        co_await eddy::sleep_for(1s);
        CHECK(*text == "kept");
        co_return to.connect();
    };
    auto connector = std::make_unique<Connector>(fn, std::move(kept), std::ref(listener));
    Task<AnyStream> calling = (*connector)();
    connector.reset();
    CHECK(!seen.expired());
    AnyStream stream = co_await std::move(calling);
    CHECK(stream.get_if<MemoryStream>() != nullptr);
    CHECK(seen.expired());
}

EDDY_TEST_CASE("connector: copies share one callable, and one is made of another") {
    MemoryListener listener;
    int calls = 0;
    const auto count = [&calls](const Connector& inner) -> Task<AnyStream> {
        ++calls;
        co_return co_await inner();
    };
    const Connector counting(count, memory_connector(listener));
    const Connector copy = counting;
    const AnyStream one = co_await counting();
    const AnyStream other = co_await copy();
    CHECK(calls == 2);
    CHECK(listener.pending() == 2);
}

EDDY_TEST_CASE("connector: what its callable makes may be an operation, too") {
    MemoryListener listener;
    const Connector connector([&listener] { return listener.accept(); });
    const MemoryStream peer = listener.connect();
    AnyStream stream = co_await connector();
    CHECK(stream.get_if<MemoryStream>() != nullptr);
}

EDDY_TEST_CASE("connector: what its callable throws comes out, and a cancellation goes through") {
    const Connector fails([]() -> MemoryStream { throw eddy::BrokenResource("nobody is there"); });
    std::string text;
    try {
        static_cast<void>(co_await fails());
    } catch (const eddy::BrokenResource& error) {
        text = error.what();
    }
    CHECK(text == "nobody is there");
    const Connector hangs([]() -> Task<MemoryStream> {
        co_await eddy::sleep_for(24h);
        throw eddy::BrokenResource("too late");
    });
    const auto none = co_await eddy::move_on_after(1s, hangs());
    CHECK_FALSE(none.has_value());
    Connector moved = hangs;
    const Connector owner = std::move(moved);
    CHECK(owner);
    // NOLINTBEGIN(bugprone-use-after-move): that is the point.
    CHECK_FALSE(moved);
    CHECK_THROWS_AS(static_cast<void>(moved()), eddy::InvalidState);
    // NOLINTEND(bugprone-use-after-move)
}

TEST_CASE("connector survives a cancellation at every checkpoint") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        MemoryListener listener;
        const auto slow = [](MemoryListener& to) -> Task<MemoryStream> {
            co_await eddy::sleep_for(1s);
            co_return to.connect();
        };
        const Connector connector(slow, std::ref(listener));
        const AnyStream one = co_await connector();
        const AnyStream other = co_await connector();
    });
    CHECK(count >= 2);
}

#if EDDY_HEAP_HOOKS && EDDY_FRAME_POOL

TEST_CASE("connector: a shortage at every allocation") {
    eddy::testing::survives_shortage_in_job([]() -> Task<> {
        MemoryListener listener;
        const Connector connector = memory_connector(listener);
        const AnyStream stream = co_await connector();
    });
}

#endif
