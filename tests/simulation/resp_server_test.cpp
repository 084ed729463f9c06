// SPDX-License-Identifier: MIT
// The connections of the sample resp_server, one step at a time.
#include <chrono>
#include <cstddef>
#include <functional>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/outbox.hpp>
#include <eddy/net/peer_watch.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/then.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "heap_hooks.hpp"
#include "resp_server/hash.hpp"
#include "resp_server/reply.hpp"
#include "resp_server/resp.hpp"
#include "resp_server/session.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::MemoryStream;
using eddy::testing::settle;
using resp::Parser;
using resp::Store;

/// Counts the writes of a server.
class CountedStream {
public:
    CountedStream(MemoryStream inner, std::size_t& writes)
        : inner_(std::move(inner)), writes_(&writes) {}
    [[nodiscard]] auto read_some(std::span<std::byte> into) { return inner_.read_some(into); }
    [[nodiscard]] auto wait_readable() { return inner_.wait_readable(); }
    [[nodiscard]] auto wait_hang_up() { return inner_.wait_hang_up(); }
    [[nodiscard]] auto write_some(std::span<const std::byte> bytes) {
        return inner_.write_some(bytes);
    }
    [[nodiscard]] auto write_all(std::span<const std::byte> bytes) {
        return eddy::then([this, bytes] { return inner_.write_all(bytes); },
                          [this] { ++*writes_; });
    }
    [[nodiscard]] auto write_all(std::span<const std::span<const std::byte>> several) {
        return eddy::then([this, several] { return inner_.write_all(several); },
                          [this] { ++*writes_; });
    }
    [[nodiscard]] auto write_all(std::string_view text) {
        return write_all(std::as_bytes(std::span(text)));
    }
    [[nodiscard]] auto shutdown() { return inner_.shutdown(); }
    [[nodiscard]] eddy::PeerWatch& peer_watch() { return inner_.peer_watch(); }
    void close() { inner_.close(); }

private:
    MemoryStream inner_;
    std::size_t* writes_;
};

/// A server, and those who talk to it.
struct Scene {
    explicit Scene(std::size_t capacity = 64UL * 1024) : listener({.capacity = capacity}) {}

    resp::Service service;
    eddy::Server server{{.drain = 10s, .silence = 60min}};
    eddy::testing::MemoryListener listener;
    std::size_t writes = 0;

    Task<> serve() {
        const auto handler = [this](MemoryStream stream) {
            return resp::serve_client(CountedStream(std::move(stream), writes), service, server);
        };
        co_await eddy::serve(server, listener, handler);
    }
    /// Runs `body` beside the server, which drains then.
    Task<> play(std::function<Task<>(Scene&)> body) {
        auto serving = eddy::spawn(serve());
        co_await body(*this);
        server.drain();
        co_await serving;
        CHECK(service.blocked == 0);
        CHECK(service.store.awaited() == 0);
        CHECK(service.channels.size() == 0);
    }
};

Task<> say(MemoryStream& stream, std::string_view text) { co_await stream.write_all(text); }

/// What has come when nothing more does.
Task<std::string> heard(MemoryStream& stream) {
    co_await settle();
    std::string text(stream.readable(), '\0');
    if (!text.empty()) {
        const std::size_t length =
            co_await stream.read_some(std::as_writable_bytes(std::span(text)));
        text.resize(length);
    }
    co_return text;
}

/// Goes on until that is so much, or nothing comes.
Task<std::string> heard_all(MemoryStream& stream, std::size_t wanted) {
    std::string all = co_await heard(stream);
    for (std::size_t before = 0; before != all.size() && all.size() < wanted;) {
        before = all.size();
        all += co_await heard(stream);
    }
    co_return all;
}

Task<std::string> answer(MemoryStream& stream, std::string_view request) {
    co_await say(stream, request);
    co_return co_await heard(stream);
}

}  // namespace

TEST_CASE("a request is found wherever its bytes are cut") {
    const std::string_view text =
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\n0123456789\r\n\r\nPING x\r\n";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        Parser parser;
        std::string words;
        std::string_view rest = text;
        for (std::size_t come = cut; come <= text.size(); come = text.size()) {
            std::string_view bytes = rest.substr(0, come - (text.size() - rest.size()));
            while (parser.parse(bytes) == Parser::complete) {
                const resp::Arguments found = parser.arguments(bytes);
                for (std::size_t i = 0; i < found.size(); ++i) {
                    words += std::string(found[i]) + ";";
                }
                rest.remove_prefix(parser.length());
                bytes.remove_prefix(parser.length());
                parser.next();
            }
            if (come == text.size()) {
                break;
            }
        }
        CHECK(words == "SET;k;0123456789\r\n;PING;x;");
        CHECK(rest.empty());
    }
}

TEST_CASE("what is only announced costs nothing") {
    Parser parser;
    CHECK(parser.parse("*1024\r\n$1000000\r\nx") == Parser::incomplete);
    CHECK(parser.arguments("").size() == 0);
    CHECK(parser.wanted() == 7 + 10 + 1000000 + 2);
    Parser other;
    CHECK(other.parse("*1025\r\n") == Parser::invalid);
    CHECK(other.error() == "ERR Protocol error: invalid multibulk length");
    Parser third;
    CHECK(third.parse("*2\r\n$1048576\r\n") == Parser::invalid);
    CHECK(third.error() == "ERR Protocol error: invalid bulk length");
}

TEST_CASE("keys are hashed as the paper says, and with a secret") {
    std::string bytes;
    for (char letter = 0; letter < 15; ++letter) {
        bytes += letter;
    }
    const auto theirs = resp::sip_hash<2, 4>(bytes, {0x0706050403020100U, 0x0f0e0d0c0b0a0908U});
    CHECK(theirs == 0xa129ca6149be45e5U);
    const resp::SecretHash one;
    const resp::SecretHash other;
    CHECK(one("key") == resp::SecretHash(one)("key"));
    CHECK(one("key") != other("key"));
    CHECK(one("key") != one("kez"));
}

EDDY_TEST_CASE("sixteen requests that come together are answered by one write") {
    Scene scene;
    co_await scene.play([](Scene& now) -> Task<> {
        MemoryStream client = now.listener.connect();
        std::string requests;
        std::string answers;
        for (int i = 0; i < 16; ++i) {
            requests += "INCR n\r\n";
            answers += ":" + std::to_string(i + 1) + "\r\n";
        }
        const std::string got = co_await answer(client, requests);
        CHECK(got == answers);
        CHECK(now.writes == 1);
    });
}

EDDY_TEST_CASE("who waits longest for a list is served first, with what stands first in it") {
    Scene scene;
    co_await scene.play([](Scene& now) -> Task<> {
        MemoryStream one = now.listener.connect();
        MemoryStream two = now.listener.connect();
        MemoryStream pusher = now.listener.connect();
        const std::string none = co_await answer(one, "BLPOP a b 0\r\n");
        CHECK(none.empty());
        co_await say(two, "BLPOP b a a 0\r\nPING\r\n");
        co_await settle();
        CHECK(now.service.blocked == 2);
        const std::string pushed = co_await answer(pusher, "RPUSH b x y z\r\n");
        CHECK(pushed == ":3\r\n");
        const std::string first = co_await heard(one);
        CHECK(first == "*2\r\n$1\r\nb\r\n$1\r\nx\r\n");
        const std::string second = co_await heard(two);
        CHECK(second == "*2\r\n$1\r\nb\r\n$1\r\ny\r\n+PONG\r\n");
        const std::string left = co_await answer(pusher, "LRANGE b 0 -1\r\n");
        CHECK(left == "*1\r\n$1\r\nz\r\n");
    });
}

EDDY_TEST_CASE("who hangs up while it waits takes nothing") {
    Scene scene;
    co_await scene.play([](Scene& now) -> Task<> {
        MemoryStream pusher = now.listener.connect();
        for (const int how : {0, 1, 2}) {
            MemoryStream waiting = now.listener.connect();
            co_await say(waiting, "BLPOP a 0\r\n");
            co_await settle();
            if (how == 0) {
                waiting.close();
            } else if (how == 1) {
                waiting.close_reset();
            } else {
                co_await waiting.shutdown();
            }
            co_await settle();
            CHECK(now.service.blocked == 0);
            const std::string got = co_await answer(pusher, "RPUSH a x\r\nLPOP a\r\n");
            CHECK(got == ":1\r\n$1\r\nx\r\n");
        }
    });
}

EDDY_TEST_CASE("what is said behind a wait is read, and not without bound") {
    Scene scene(1024);
    co_await scene.play([](Scene& now) -> Task<> {
        MemoryStream pusher = now.listener.connect();
        MemoryStream one = now.listener.connect();
        co_await say(one, "BLPOP a-key-that-is-longer-than-short-ones 0\r\n");
        std::string pings;
        for (int i = 0; i < 1000; ++i) {
            pings += "PING\r\n";
        }
        const bool said = co_await eddy::move_on_after(1s, say(one, pings));
        CHECK(said);  // and so an end behind it would have come
        CHECK(now.service.blocked == 1);
        const std::string pushed =
            co_await answer(pusher, "RPUSH a-key-that-is-longer-than-short-ones x\r\n");
        CHECK(pushed == ":1\r\n");
        const std::string got = co_await heard_all(one, 8 * 1000);
        const std::string item = "*2\r\n$36\r\na-key-that-is-longer-than-short-ones\r\n$1\r\nx\r\n";
        CHECK(got.size() == item.size() + 7 * 1000);
        CHECK(got.starts_with(item));
        one.close();

        MemoryStream two = now.listener.connect();
        co_await say(two, "BLPOP b 0\r\n");
        const std::string much(2 * resp::max_request, 'x');
        try {
            co_await say(two, much);
        } catch (const eddy::BrokenResource&) {  // it is let go in the middle
        }
        co_await settle();
        CHECK(now.service.blocked == 0);
        const std::string kept = co_await answer(pusher, "RPUSH b x\r\nLPOP b\r\n");
        CHECK(kept == ":1\r\n$1\r\nx\r\n");
        two.close();
    });
}

EDDY_TEST_CASE("an item whose client is gone before it has it stays where it was") {
    Scene scene;
    co_await scene.play([](Scene& now) -> Task<> {
        MemoryStream pusher = now.listener.connect();
        MemoryStream waiting = now.listener.connect();
        co_await say(waiting, "BLPOP a 0\r\n");
        co_await settle();
        now.service.store.push("a", Store::Side::right, {"first", "second"});
        waiting.close_reset();  // it has been given the first, and will not read it
        const std::string left = co_await answer(pusher, "LRANGE a 0 -1\r\n");
        CHECK(left == "*2\r\n$5\r\nfirst\r\n$6\r\nsecond\r\n");
        CHECK(eddy::testing::expected_failures().size() == 1);
    });
}

EDDY_TEST_CASE("an item that a client takes only half of goes to the next") {
    Scene scene(16);
    co_await scene.play([](Scene& now) -> Task<> {
        MemoryStream lazy = now.listener.connect();
        MemoryStream next = now.listener.connect();
        co_await say(lazy, "BLPOP a 0\r\n");
        co_await settle();
        co_await say(next, "BLPOP a 0\r\n");
        co_await settle();
        const std::string item(20, 'x');
        now.service.store.push("a", Store::Side::right, {item});
        co_await settle();
        CHECK(lazy.readable() == 16);  // its wire is full, and it does not read
        lazy.close_reset();
        std::string got;
        for (std::string more = co_await heard(next); !more.empty();) {
            got += more;
            more = co_await heard(next);
        }
        CHECK(got == "*2\r\n$1\r\na\r\n$20\r\n" + item + "\r\n");
        CHECK(eddy::testing::expected_failures().size() == 1);
    });
}

EDDY_TEST_CASE("a long way through a list is gone in stages, from the nearer end") {
    Scene scene;
    co_await scene.play([](Scene& now) -> Task<> {
        now.service.store.push("a", Store::Side::right, Store::Items(30'000, "x"));
        MemoryStream client = now.listener.connect();
        std::string requests;
        for (int i = 0; i < 50; ++i) {
            requests += "LRANGE a 15000 15000\r\n";
        }
        co_await say(client, requests);
        while (now.service.commands == 0) {
            co_await eddy::yield();
        }
        CHECK(now.service.commands <= 2);
        co_await settle();
        CHECK(now.service.commands == 50);
        const std::string last = co_await answer(client, "LRANGE a -2 -1\r\n");
        CHECK(last.ends_with("*2\r\n$1\r\nx\r\n$1\r\nx\r\n"));
    });
}

EDDY_TEST_CASE("a pop waits as long as it was asked to, and not longer") {
    Scene scene;
    co_await scene.play([](Scene& now) -> Task<> {
        MemoryStream client = now.listener.connect();
        const eddy::TimePoint begun = eddy::now();
        co_await say(client, "BLPOP a 0.7\r\n");
        std::string nil(5, '\0');
        const std::size_t length =
            co_await client.read_some(std::as_writable_bytes(std::span(nil)));
        CHECK(length == 5);
        CHECK(nil == "*-1\r\n");
        CHECK(eddy::now() - begun == 700ms);
    });
}

EDDY_TEST_CASE("who waits for an item or for news is not silent, whoever says nothing is") {
    Scene scene;
    co_await scene.play([](Scene& now) -> Task<> {
        MemoryStream waiting = now.listener.connect();
        MemoryStream hearing = now.listener.connect();
        MemoryStream silent = now.listener.connect();
        co_await say(waiting, "BLPOP a 0\r\n");
        const std::string confirmed = co_await answer(hearing, "SUBSCRIBE quiet\r\n");
        CHECK(!confirmed.empty());
        co_await say(silent, "PING\r\n");
        co_await eddy::sleep_for(2 * 60min);
        CHECK(now.service.blocked == 1);
        CHECK(now.service.channels.size() == 1);
        CHECK(now.server.statistics().active == 2);
        CHECK(eddy::testing::expected_failures().size() == 1);
    });
}

EDDY_TEST_CASE("keys end at their time, although nobody sweeps") {
    Scene scene;
    co_await scene.play([](Scene& now) -> Task<> {
        MemoryStream client = now.listener.connect();
        const std::string set =
            co_await answer(client, "SET a x PX 1500\r\nSET b x EX 1\r\nPTTL a\r\n");
        CHECK(set == "+OK\r\n+OK\r\n:1500\r\n");
        co_await eddy::sleep_for(1s);
        const std::string got = co_await answer(client, "GET a\r\nEXISTS b\r\nTTL a\r\n");
        CHECK(got == "$1\r\nx\r\n:0\r\n:1\r\n");
        co_await eddy::sleep_for(1s);
        const std::string gone = co_await answer(client, "GET a\r\nTTL a\r\n");
        CHECK(gone == "$-1\r\n:-2\r\n");
    });
}

EDDY_TEST_CASE("what has ended is swept away, although nobody asks for it") {
    resp::Store store;
    auto sweeping = eddy::spawn(store.sweep());
    co_await settle();
    for (int i = 0; i < 1000; ++i) {
        const std::string key = std::to_string(i);
        store.set(key, "x");
        store.set_end(key, eddy::after(eddy::now(), 10s + (i % 2) * 10s));
    }
    store.set("for ever", "x");
    co_await eddy::sleep_for(9s);
    CHECK(store.size() == 1001);
    co_await eddy::sleep_for(1s + 1ms);
    CHECK(store.size() == 501);
    co_await eddy::sleep_for(10s);
    CHECK(store.size() == 1);
    sweeping.cancel();
    const bool ended = co_await eddy::move_on_after(1s, sweeping.wait());
    CHECK(ended);
}

EDDY_TEST_CASE("a subscriber that does not read is cut off, and nobody waits for it") {
    Scene scene(1024);
    co_await scene.play([](Scene& now) -> Task<> {
        MemoryStream deaf = now.listener.connect();
        MemoryStream speaker = now.listener.connect();
        const std::string confirmed = co_await answer(deaf, "SUBSCRIBE news\r\n");
        CHECK(confirmed == "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
        const std::string text(900, 'x');
        std::string heard_it = ":1\r\n";
        int sent = 0;
        while (heard_it == ":1\r\n" && sent < 20'000) {
            heard_it = co_await answer(speaker, "PUBLISH news " + text + "\r\n");
            ++sent;
        }
        CHECK(heard_it == ":0\r\n");
        CHECK(sent > 1000);
        co_await settle();
        CHECK(now.service.channels.size() == 0);
    });
}

EDDY_TEST_CASE("a subscriber that asks much has to read it") {
    Scene scene;
    co_await scene.play([](Scene& now) -> Task<> {
        MemoryStream hearing = now.listener.connect();
        const std::string confirmed = co_await answer(hearing, "SUBSCRIBE a\r\n");
        CHECK(confirmed.ends_with(":1\r\n"));
        std::string pings;
        for (int i = 0; i < 60; ++i) {
            resp::add_request(pings, {"PING", std::string(100'000, 'x')});
        }
        auto saying = eddy::spawn(say(hearing, pings));
        co_await settle();
        const std::size_t all = 60 * (4 + 10 + 9 + 100'000 + 2);
        const std::string got = co_await heard_all(hearing, all);
        CHECK(got.size() == all);
        co_await saying.wait();
    });
}

EDDY_TEST_CASE("all long names that are heard can be left at once") {
    Scene scene;
    co_await scene.play([](Scene& now) -> Task<> {
        MemoryStream hearing = now.listener.connect();
        for (char letter = 'a'; letter < 'g'; ++letter) {
            std::string request;
            resp::add_request(request, {"SUBSCRIBE", std::string(900'000, letter)});
            auto saying = eddy::spawn(say(hearing, request));
            const std::string confirmed = co_await heard_all(hearing, 900'000);
            CHECK(confirmed.size() > 900'000);
            co_await saying.wait();
        }
        co_await say(hearing, "UNSUBSCRIBE\r\nGET k\r\n");
        const std::string left = co_await heard_all(hearing, 6 * 900'000 + 6 * 40);
        CHECK(left.ends_with(":0\r\n$-1\r\n"));
        CHECK(now.service.channels.size() == 0);
    });
}

// --- without memory ----------------------------------------------------------------------------

namespace {

const std::string long_text(40, 'x');

Task<> pop_into(Store& store, std::string_view key, std::string& into) {
    Store::Loan item = co_await store.pop(key);
    into = item.text();
    item.kept();
}

}  // namespace

EDDY_TEST_CASE("without memory for all of them no item is pushed, and who waits waits on") {
    resp::Service service;
    std::string got;
    auto waiting = eddy::spawn(pop_into(service.store, long_text, got));
    co_await settle();
    std::string request;
    resp::add_request(request, {"RPUSH", long_text, long_text + "1", long_text + "2"});
    Parser parser;
    CHECK(parser.parse(request) == Parser::complete);
    resp::Client client{service};
    client.replies.reserve(100);
    std::size_t nth = 0;
    for (bool failed = true; failed; ++nth) {
        eddy::testing::FailAllocation shortage(nth);
        try {
            static_cast<void>(resp::execute(client, parser.arguments(request)));
        } catch (const std::bad_alloc&) {
        }
        failed = shortage.stop();
        CHECK((!failed || service.store.find(long_text) == nullptr));
        CHECK((!failed || service.store.awaited() == 1));
    }
    CHECK((nth > 3 || !EDDY_HEAP_HOOKS));
    CHECK(client.replies == ":2\r\n");
    co_await waiting.wait();
    CHECK(got == long_text + "1");
    CHECK(service.store.lists().items == 1);
}

EDDY_TEST_CASE("that an item goes back needs no memory") {
    Store store;
    for (int i = 0; i < 200; ++i) {
        store.push(long_text, Store::Side::right, {"1", "2"});
        std::optional<Store::Loan> one = co_await store.pop(long_text);
        std::optional<Store::Loan> two = co_await store.pop(long_text);
        CHECK(store.find(long_text) == nullptr);
        store.set(std::to_string(i), "x");
        eddy::testing::FailAllocation shortage(0, eddy::testing::FailAllocation::Mode::and_after);
        if (i % 2 == 0) {
            two->kept();
            two.reset();
        }
        two.reset();
        one.reset();
        const bool needed_some = shortage.stop();
        CHECK(!needed_some);
        const Store::Items first = store.take(long_text, Store::Side::left);
        CHECK(first.front() == "1");
        CHECK(store.lists().items == (i % 2 == 0 ? 0 : 1));
        static_cast<void>(store.take(long_text, Store::Side::left));
        CHECK(store.size() == static_cast<std::size_t>(i) + 1);
    }
}

EDDY_TEST_CASE("without memory a key keeps its end, and no channel stays behind") {
    resp::Service service;
    service.store.set("k", "x");
    service.store.set_end("k", eddy::after(eddy::now(), 10s));
    auto [mine, theirs] = eddy::testing::memory_stream_pair();
    eddy::StreamOutbox outbox(mine);
    for (std::size_t nth = 0; nth < 8; ++nth) {
        resp::Channels::Subscriber subscriber(service.channels, outbox);
        eddy::testing::FailAllocation shortage(nth);
        try {
            static_cast<void>(subscriber.add(long_text));
            service.store.set_end("k", eddy::after(eddy::now(), 20s));
        } catch (const std::bad_alloc&) {
        }
        const bool failed = shortage.stop();
        CHECK(service.channels.size() == subscriber.names().size());
        const eddy::TimePoint end = service.store.end_of(*service.store.find("k"));
        CHECK(end - eddy::now() == (failed ? 10s : 20s));
        service.store.set_end("k", eddy::after(eddy::now(), 10s));
    }
    co_await settle();
    CHECK(service.channels.size() == 0);
}

EDDY_TEST_CASE("the end of the server answers what was read, and who waits") {
    Scene scene;
    MemoryStream idle = scene.listener.connect();
    MemoryStream waiting = scene.listener.connect();
    MemoryStream half = scene.listener.connect();
    MemoryStream hearing = scene.listener.connect();
    co_await scene.play([&](Scene& now) -> Task<> {
        co_await say(idle, "PING\r\n");
        co_await say(waiting, "BLPOP a b 0\r\nPING\r\nBLPOP a 0\r\nSET k v\r\n");
        co_await say(half, "PING\r\nPIN");
        const std::string confirmed = co_await answer(hearing, "SUBSCRIBE a b\r\n");
        CHECK(confirmed.ends_with("$1\r\nb\r\n:2\r\n"));
        co_await settle();
        CHECK(now.service.blocked == 1);
        now.server.drain();
        const std::string one = co_await heard(idle);
        CHECK(one == "+PONG\r\n");
        const std::string two = co_await heard(waiting);
        CHECK(two == "*-1\r\n+PONG\r\n*-1\r\n+OK\r\n");
        const std::string three = co_await heard(half);
        CHECK(three == "+PONG\r\n");
        for (MemoryStream* const stream : {&idle, &waiting, &half, &hearing}) {
            std::byte one_more{};
            const std::size_t length = co_await stream->read_some(std::span(&one_more, 1));
            CHECK(length == 0);
            stream->close();
        }
        co_await settle();
        CHECK(now.server.statistics().active == 0);
        CHECK(now.server.statistics().failed == 0);
    });
}
