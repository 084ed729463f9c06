// SPDX-License-Identifier: MIT
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/net/serve.hpp>
#include <eddy/own.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/settle.hpp>

#include "child_process.hpp"
#include "serve_kit.hpp"

// What handlers are given beside the connection, and what serves without a Server.

namespace {

using namespace serve_kit;
using eddy::serve_until_signal;
using eddy::ServeOptions;
using eddy::testing::stream_contract::read_all;

static_assert(std::is_trivially_destructible_v<ServeOptions>);  // braced in a co_await expression

struct Room {
    std::vector<std::string> visitors;
};

Task<> greets(MemoryStream stream, Room& room, const std::string& greeting) {
    room.visitors.push_back(greeting);
    co_await stream.write_all(greeting);
}

Task<> counts(MemoryStream stream, int& number) {
    ++number;
    const std::string text = std::to_string(number);
    co_await stream.write_all(text);
}

Task<std::string> told(MemoryListener& listener) {
    MemoryStream client = listener.connect();
    co_return co_await read_all(client);
}

}  // namespace

EDDY_TEST_CASE("serve gives handlers what comes after them, without a Server") {
    MemoryListener listener;
    Room room;
    // The string is a temporary, and long enough to have memory of its own.
    auto serving = eddy::spawn(serve(listener, greets, std::ref(room), std::string(100, 'a')));
    for (int i = 0; i < 2; ++i) {
        const std::string text = co_await told(listener);
        CHECK(text == std::string(100, 'a'));
    }
    CHECK(room.visitors.size() == 2);
    listener.close();
    co_await serving;
}

EDDY_TEST_CASE("serve takes options first, and then a handler with its arguments") {
    MemoryListener listener;
    Room room;
    auto serving = eddy::spawn(serve(
        {.max_connections = 1, .refusal = "full"},
        listener,
        [](MemoryStream stream, Room&, std::string& name) -> Task<> {
            co_await stream.write_all(name);
            co_await eddy::sleep_forever();
        },
        std::ref(room),
        std::string(100, 'b')));
    co_await settle();
    MemoryStream first = listener.connect();
    const std::string text = co_await read_text(first, 100);
    CHECK(text == std::string(100, 'b'));
    const std::string refused = co_await told(listener);
    CHECK(refused == "full");
    serving.cancel();
    co_await serving.wait();

    const ServeOptions options{.max_connections = 1};
    MemoryListener other;
    auto named = eddy::spawn(serve(options, other, echo));
    auto clients = connect(other, 2);
    co_await settle();
    CHECK(other.pending() == 1);
    named.cancel();
    co_await named.wait();
    MemoryListener third;
    auto behind = eddy::spawn(serve(third, echo, options));
    auto more = connect(third, 2);
    co_await settle();
    CHECK(third.pending() == 1);
    behind.cancel();
    co_await behind.wait();
}

EDDY_TEST_CASE(
    "serve keeps one copy of an argument for all handlers, and a reference with std::ref") {
    MemoryListener listener;
    int number = 10;
    auto serving = eddy::spawn(serve(listener, counts, number));
    const std::string first = co_await told(listener);
    const std::string second = co_await told(listener);
    CHECK(first == "11");
    CHECK(second == "12");
    CHECK(number == 10);
    listener.close();
    co_await serving;
    MemoryListener other;
    auto shared = eddy::spawn(serve(other, counts, std::ref(number)));
    const std::string third = co_await told(other);
    CHECK(third == "11");
    CHECK(number == 11);
    other.close();
    co_await shared;
}

EDDY_TEST_CASE("serve lets go of the arguments when the last handler has ended") {
    auto shared = std::make_shared<int>(1);
    MemoryListener listener;
    auto uses = [](MemoryStream, const std::shared_ptr<int>& held) -> Task<> {
        CHECK(held.use_count() == 2);
        co_return;
    };
    auto serving = eddy::spawn(serve(listener, uses, shared));
    const std::string nothing = co_await told(listener);
    CHECK(nothing.empty());
    listener.close();
    co_await serving;
    CHECK(shared.use_count() == 1);
}

EDDY_TEST_CASE("serve takes a closure that owns something, and only moves") {
    MemoryListener listener;
    auto closure = [text = std::make_unique<std::string>("owned")](MemoryStream stream) -> Task<> {
        co_await stream.write_all(*text);
    };
    auto serving = eddy::spawn(serve(listener, eddy::own(closure)));
    const std::string text = co_await told(listener);
    CHECK(text == "owned");
    listener.close();
    co_await serving;
}

TEST_CASE("serve_until_signal takes arguments and options as serve does") {
    const auto result = eddy::testing::run_in_child([] {
        return eddy::run([]() -> Task<int> {
            Room room;
            MemoryListener one;
            MemoryListener two;
            auto plain =
                eddy::spawn(serve_until_signal(one, greets, std::ref(room), std::string(100, 'a')));
            auto limited = eddy::spawn(serve_until_signal(
                {.drain = 1ms}, two, greets, std::ref(room), std::string(100, 'b')));
            const std::string first = co_await told(one);
            const std::string second = co_await told(two);
            static_cast<void>(raise(SIGTERM));
            co_await plain;
            co_await limited;
            co_return first == std::string(100, 'a') && second == std::string(100, 'b') &&
                    room.visitors.size() == 2
                ? 0
                : 1;
        }());
    });
    CHECK(result.exit_code == 0);
    CHECK(result.errors.empty());
}
