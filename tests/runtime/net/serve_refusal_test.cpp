// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/dump_jobs.hpp>
#include <eddy/error.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/yield.hpp>

#include "serve_kit.hpp"
#include "shortage.hpp"

// What newcomers are told at the limit: `ServeOptions::refusal`.

namespace {

using namespace serve_kit;
using eddy::ServeOptions;
using eddy::TcpListener;
using eddy::TcpStream;
using eddy::testing::stream_contract::read_all;

constexpr std::string_view busy = "503 too busy\n";
constexpr std::size_t most_refused = 64;

template <class S>
Task<> echoes(S stream) {
    std::array<std::byte, 64> buffer{};
    while (true) {
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            co_return;
        }
        co_await stream.write_all(std::span<const std::byte>(buffer).first(length));
    }
}

/// A client that is turned away although it has said something: reads all, and goes.
template <class S>
Task<std::string> turned_away(S client) {
    co_await client.write_all(std::string_view("a request"));
    std::string got = co_await read_all(client);
    client.close();
    co_return got;
}

template <class S>
Task<bool> pings(S& client) {
    co_await client.write_all(std::string_view("ping"));
    const std::string answer = co_await read_text(client, 4);
    co_return answer == "ping";
}

void check_sum(const ServeStatistics& now) {
    CHECK(now.accepted ==
          now.active + now.completed + now.failed + now.cancelled + now.rejected + now.left);
}

}  // namespace

EDDY_TEST_CASE("at the limit a server refuses with its text, and serves when there is room") {
    MemoryListener listener;
    Server server({.max_connections = 2, .refusal = busy});
    auto serving = eddy::spawn(serve(server, listener, echo));
    auto clients = connect(listener, 2);
    co_await settle();
    for (int i = 0; i < 3; ++i) {
        const std::string got = co_await turned_away(listener.connect());
        CHECK(got == busy);
    }
    const bool served = co_await answers(clients[0]);
    CHECK(served);
    ServeStatistics now = server.statistics();
    CHECK(now.refused == 3);
    CHECK(now.accepted == 2);
    CHECK(now.active == 2);
    check_sum(now);
    clients.pop_back();
    co_await settle();
    MemoryStream next = listener.connect();
    const bool after = co_await answers(next);
    CHECK(after);
    now = server.statistics();
    CHECK(now.refused == 3);
    CHECK(now.accepted == 3);
    server.drain(0s);
    co_await serving;
}

EDDY_TEST_CASE("over TCP a server refuses so that the text arrives, whatever was sent before") {
    TcpListener listener = TcpListener::listen(eddy::Address::loopback(0));
    Server server({.max_connections = 1, .refusal = busy});
    auto serving = eddy::spawn(serve(server, listener, echoes<TcpStream>));
    TcpStream first = co_await eddy::connect(listener.local_address());
    const bool before = co_await pings(first);
    CHECK(before);
    for (int i = 0; i < 20; ++i) {
        TcpStream client = co_await eddy::connect(listener.local_address());
        const std::string got = co_await turned_away(std::move(client));
        CHECK(got == busy);
    }
    const bool meanwhile = co_await pings(first);
    CHECK(meanwhile);
    CHECK(server.statistics().refused == 20);
    server.drain(0s);
    co_await serving;
}

EDDY_TEST_CASE("without a refusal newcomers wait at the limit, and a server refuses nobody") {
    MemoryListener listener;
    Server server({.max_connections = 1});
    auto serving = eddy::spawn(serve(server, listener, echo));
    auto clients = connect(listener, 3);
    co_await eddy::sleep_for(1min);
    CHECK(listener.pending() == 2);
    CHECK(server.statistics().refused == 0);
    server.drain(0s);
    co_await serving;
}

EDDY_TEST_CASE("a server refuses so many at a time; who comes then waits, and may be served yet") {
    MemoryListener listener;
    Server server({.max_connections = 1, .refusal = busy});
    auto serving = eddy::spawn(serve(server, listener, echo));
    auto served = connect(listener, 1);
    co_await settle();
    auto rude = connect(listener, 100);  // take nothing, and stay
    co_await settle();
    CHECK(server.statistics().refused == most_refused);
    CHECK(listener.pending() == 100 - most_refused);
    const bool answered = co_await answers(served[0]);
    CHECK(answered);
    served.clear();
    co_await settle();
    CHECK(server.statistics().active == 1);  // one that waited
    const bool lucky = co_await answers(rude[most_refused]);
    CHECK(lucky);
    co_await eddy::sleep_for(1s);
    co_await settle();
    CHECK(server.statistics().refused == 99);
    CHECK(listener.pending() == 0);
    const std::string told = co_await read_all(rude[0]);
    CHECK(told == busy);
    server.drain(0s);
    co_await serving;
    check_sum(server.statistics());
}

EDDY_TEST_CASE("a peer that takes nothing, or sends and sends, is refused for a second at most") {
    MemoryListener listener({.capacity = 4});
    Server server({.max_connections = 1, .refusal = busy});
    auto serving = eddy::spawn(serve(server, listener, echo));
    auto served = connect(listener, 1);
    co_await settle();
    MemoryStream deaf = listener.connect();
    MemoryStream loud = listener.connect();
    auto floods = eddy::spawn(eddy::testing::stream_contract::writes(loud, 1UL << 20U));
    const eddy::TimePoint begun = eddy::now();
    const Ending ended = co_await floods;
    CHECK(ended == Ending::broken);
    CHECK(eddy::now() - begun <= 1s);
    co_await eddy::sleep_until(begun + 1s);
    co_await settle();
    const Ending half = co_await reads(deaf);
    CHECK(half == Ending::broken);  // not half a text for a whole one
    CHECK(server.statistics().refused == 2);
    server.drain(0s);
    co_await serving;
}

EDDY_TEST_CASE("a flood of newcomers that a server refuses does not hold up who is served") {
    MemoryListener listener;
    Server server({.max_connections = 1, .refusal = busy});
    auto serving = eddy::spawn(serve(server, listener, echo));
    auto served = connect(listener, 1);
    co_await settle();
    bool over = false;
    auto flood = eddy::spawn([](MemoryListener& to, const bool& stop) -> Task<> {
        while (!stop) {
            while (to.pending() < 100) {
                const MemoryStream gone = to.connect();
            }
            co_await eddy::yield();
        }
    }(listener, over));
    for (int i = 0; i < 100; ++i) {
        const bool answered = co_await answers(served[0]);
        CHECK(answered);
    }
    over = true;
    co_await flood;
    const auto refused = server.statistics().refused;
    CHECK(refused > 10);
    CHECK(refused < 500);  // a few between a question and its answer, not all that come
    CHECK(server.statistics().active == 1);
    server.drain(0s);
    co_await serving;
}

EDDY_TEST_CASE("a server that drains refuses nobody any more, but those it has begun with") {
    MemoryListener listener;
    Server server({.max_connections = 1, .drain = 1min, .refusal = busy});
    auto serving = eddy::spawn(serve(server, listener, echo));
    auto served = connect(listener, 1);
    co_await settle();
    auto told = connect(listener, 1);
    co_await settle();
    CHECK(server.statistics().refused == 1);
    server.drain();
    co_await settle();
    CHECK_FALSE(listener.is_open());
    served.clear();
    const std::string text = co_await read_all(told[0]);
    CHECK(text == busy);
    const eddy::TimePoint begun = eddy::now();
    co_await serving;
    CHECK(eddy::now() - begun <= 1s);
    CHECK(server.statistics().refused == 1);
    check_sum(server.statistics());
}

EDDY_TEST_CASE("an impatient drain, a cancellation and a failed accept end what a server refuses") {
    for (const int how : {0, 1, 2}) {
        MemoryListener listener;
        Server server({.max_connections = 1, .unwind = 0s, .refusal = busy});
        auto serving = eddy::spawn(serve(server, listener, echo));
        auto served = connect(listener, 1);
        co_await settle();
        auto told = connect(listener, 3);
        co_await settle();
        CHECK(server.statistics().refused == 3);
        const eddy::TimePoint begun = eddy::now();
        bool failed = false;
        if (how == 0) {
            server.drain(0s);
        } else if (how == 1) {
            serving.cancel();
        } else {
            listener.fail_accepts(std::errc::invalid_argument, 1);
        }
        co_await serving.wait();
        try {
            co_await serving;
        } catch (const eddy::IoError&) {
            failed = true;
        } catch (const eddy::JobCancelled&) {
        }
        CHECK(failed == (how == 2));
        CHECK(eddy::now() == begun);
        const std::string text = co_await read_all(told[0]);
        CHECK(text == busy);
    }
}

EDDY_TEST_CASE("two listeners of one server refuse under one limit") {
    MemoryListener one;
    MemoryListener other;
    Server server({.max_connections = 1, .refusal = busy});
    auto first = eddy::spawn(serve(server, one, echo));
    auto second = eddy::spawn(serve(server, other, echo));
    co_await settle();
    MemoryStream a = one.connect();
    MemoryStream b = other.connect();  // both accepts had room
    co_await settle();
    CHECK(server.statistics().active == 1);
    CHECK(server.statistics().refused == 1);
    a.close();
    b.close();
    co_await settle();
    MemoryStream c = other.connect();
    const bool served = co_await answers(c);
    CHECK(served);
    server.drain(0s);
    co_await first;
    co_await second;
    check_sum(server.statistics());
}

EDDY_TEST_CASE("a listener of a server tells its newcomers too while another one refuses many") {
    MemoryListener one;
    MemoryListener other;
    Server server({.max_connections = 1, .refusal = busy});
    auto first = eddy::spawn(serve(server, one, echo));
    auto second = eddy::spawn(serve(server, other, echo));
    auto served = connect(one, 1);
    co_await settle();
    auto rude = connect(one, most_refused);  // as many as may be
    co_await settle();
    CHECK(server.statistics().refused == most_refused);
    MemoryStream late = other.connect();
    MemoryStream later = other.connect();
    co_await eddy::sleep_for(2s);
    CHECK(server.statistics().refused == most_refused + 2);
    const std::string told = co_await read_all(late);
    const std::string told_too = co_await read_all(later);
    CHECK(told == busy);
    CHECK(told_too == busy);
    const bool answered = co_await answers(served[0]);
    CHECK(answered);
    server.drain(0s);
    co_await first;
    co_await second;
    check_sum(server.statistics());
}

EDDY_TEST_CASE("an accept that fails pauses as ever while a server refuses") {
    auto& failures = eddy::testing::expected_failures();
    MemoryListener listener;
    Server server({.max_connections = 1, .refusal = busy});
    auto serving = eddy::spawn(serve(server, listener, echo));
    auto served = connect(listener, 1);
    co_await settle();
    listener.fail_accepts(std::errc::too_many_files_open, 2);
    co_await eddy::sleep_for(1s);
    CHECK(server.statistics().pauses == 2);
    CHECK(failures.size() == 1);
    const std::string got = co_await turned_away(listener.connect());
    CHECK(got == busy);
    server.drain(0s);
    co_await serving;
}

TEST_CASE("the text that a server refuses with is kept, as its name is, until the server runs") {
    eddy::run([]() -> Task<> {
        MemoryListener listener;
        auto serving = [&] {
            std::string text(100, 'x');
            std::string name(100, 'n');
            auto task =
                serve({.max_connections = 1, .name = name, .refusal = text}, listener, echo);
            text.assign(100, '?');
            name.assign(100, '?');
            return task;
        }();
        auto job = eddy::spawn(std::move(serving));
        auto served = connect(listener, 1);
        co_await eddy::yield();
        co_await eddy::yield();
        const std::string got = co_await turned_away(listener.connect());
        CHECK(got == std::string(100, 'x'));
        const std::string dump = eddy::dump_jobs();
        CHECK(dump.find(std::string(100, 'n')) != std::string::npos);
        job.cancel();
        co_await job.wait();
    }());
}

TEST_CASE("a server that refuses survives a cancellation at every checkpoint") {
    const std::size_t count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        MemoryListener listener;
        Server server({.max_connections = 1, .refusal = busy});
        const auto body = [&](eddy::TaskGroup& group) -> Task<> {
            group.spawn(serve(server, listener, echo));
            auto served = connect(listener, 1);
            const bool answered = co_await answers(served[0]);
            CHECK(answered);
            const std::string got = co_await turned_away(listener.connect());
            CHECK(got == busy);
            server.drain(0s);
        };
        co_await eddy::with_task_group(body);
        check_sum(server.statistics());
    });
    CHECK(count > 10);
}

#if EDDY_HEAP_HOOKS
TEST_CASE("a shortage while a server refuses") {
    eddy::testing::survives_shortage_in_job([]() -> Task<> {
        MemoryListener listener;
        Server server({.max_connections = 1, .drain = 1s, .refusal = busy});
        const auto body = [&](eddy::TaskGroup& group) -> Task<> {
            group.spawn(serve(server, listener, echo));
            const MemoryStream served = listener.connect();
            co_await eddy::sleep_for(1ms);
            MemoryStream client = listener.connect();
            co_await eddy::sleep_for(1s);
            server.drain();
        };
        co_await eddy::with_task_group(body);
        CHECK(server.statistics().active == 0);
    });
}
#endif
