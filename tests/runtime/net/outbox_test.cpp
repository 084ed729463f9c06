// SPDX-License-Identifier: MIT
#include <eddy/net/outbox.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/detail/split_mix.hpp>
#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/yield.hpp>

#include "../test_kit.hpp"
#include "heap_hooks.hpp"
#include "net_kit.hpp"
#include "told_writes.hpp"

// The out-queue of a connection; that of a writer, which shares all but the policy, is in
// buffered_writer_test.cpp.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Outbox;
using eddy::select;
using eddy::StreamOutbox;
using eddy::Task;
using eddy::TcpStream;
using eddy::WhenFull;

using Box = StreamOutbox<MemoryStream>;

Outbox::Message message_of(std::string text) {
    return std::make_shared<const std::string>(std::move(text));
}

Task<> flushes(Box& outbox) { co_await outbox.flush(); }
Task<std::exception_ptr> waits_for_end(Outbox& outbox) { co_return co_await outbox.wait_broken(); }

}  // namespace

EDDY_TEST_CASE("an outbox sends what was given to it in a turn when that ends, sixteen at a time") {
    auto [near, far] = memory_stream_pair();
    Box outbox(near);
    std::string expected;
    for (int i = 0; i < 40; ++i) {
        const bool taken = outbox.send(std::to_string(i) + " ");
        CHECK(taken);
        expected += std::to_string(i) + " ";
    }
    CHECK(far.readable() == 0);
    CHECK(outbox.statistics().messages == 40);
    CHECK(outbox.statistics().bytes == expected.size());
    co_await settle();
    const std::string text = co_await read_text(far);
    CHECK(text == expected);
    const eddy::OutboxStatistics now = outbox.statistics();
    CHECK(now.sent == 40);
    CHECK(now.writes == 3);
    CHECK(now.dropped == 0);
    CHECK(now.bytes == 0);
}

EDDY_TEST_CASE("a message of many outboxes is one, and is let go when the last one has sent it") {
    std::vector<std::pair<MemoryStream, MemoryStream>> pairs;
    std::vector<std::unique_ptr<Box>> boxes;
    pairs.reserve(10);
    for (int i = 0; i < 10; ++i) {
        pairs.push_back(memory_stream_pair({.capacity = 4}));
        boxes.push_back(std::make_unique<Box>(pairs.back().first));
    }
    const auto message = message_of("shared");
    for (const auto& box : boxes) {
        box->send(message);
    }
    CHECK(message.use_count() == 11);
    co_await settle();
    for (auto& pair : pairs) {
        const std::string text = co_await read_all(pair.second, 6);
        CHECK(text == "shared");
    }
    co_await settle();
    CHECK(message.use_count() == 1);
}

EDDY_TEST_CASE("an outbox refuses nothing at all, takes an empty message, and has bounds") {
    auto [near, far] = memory_stream_pair();
    Box outbox(near);
    CHECK_THROWS_AS(outbox.send(Outbox::Message()), std::invalid_argument);
    const bool taken = outbox.send("");
    CHECK(taken);
    CHECK(outbox.statistics().messages == 0);
    CHECK_THROWS_AS(Box(near, {.max_bytes = 0}), std::invalid_argument);
    CHECK_THROWS_AS(Box(near, {.max_messages = 0}), std::invalid_argument);
    CHECK(far.readable() == 0);
    co_return;
}

EDDY_TEST_CASE("a full outbox drops the newest message, and goes on") {
    auto [near, far] = memory_stream_pair({.capacity = 2});
    Box outbox(near, {.max_messages = 3, .when_full = WhenFull::drop_newest});
    for (int i = 0; i < 5; ++i) {
        const bool taken = outbox.send(std::to_string(i) + "...");
        CHECK(taken == (i < 4));
        co_await settle();  // the first one is on its way
    }
    CHECK(outbox.statistics().dropped == 1);
    std::string text = co_await read_all(far, 16);
    CHECK(text == "0...1...2...3...");
    const bool taken = outbox.send("next");
    CHECK(taken);
    text = co_await read_all(far, 4);
    CHECK(text == "next");
}

EDDY_TEST_CASE("a full outbox drops the oldest message that the stream does not have") {
    auto [near, far] = memory_stream_pair({.capacity = 2});
    Box outbox(near, {.max_bytes = 12, .when_full = WhenFull::drop_oldest});
    for (int i = 0; i < 7; ++i) {
        const bool taken = outbox.send(std::to_string(i) + "...");
        CHECK(taken);
        co_await settle();  // the first one is on its way
    }
    CHECK(outbox.statistics().dropped == 3);
    CHECK(outbox.statistics().bytes == 16);
    const bool too_large = outbox.send("more than the twelve bytes");
    CHECK_FALSE(too_large);
    CHECK(outbox.statistics().messages == 4);  // for nothing, nothing goes
    const std::string text = co_await read_all(far, 16);
    CHECK(text == "0...4...5...6...");
    CHECK(outbox.statistics().dropped == 4);
}

EDDY_TEST_CASE("a flush of an outbox waits for what was there and not dropped since") {
    auto [near, far] = memory_stream_pair({.capacity = 2});
    Box outbox(near, {.max_messages = 3, .when_full = WhenFull::drop_oldest});
    for (const char* const text : {"aaaa", "bbbb", "cccc", "dddd"}) {
        outbox.send(text);
        co_await settle();
    }
    auto flush = eddy::spawn(flushes(outbox));
    co_await settle();
    for (const char* const text : {"eeee", "ffff", "gggg"}) {
        outbox.send(text);  // for b, c, d
    }
    co_await settle();
    CHECK(!flush.done());
    std::string text = co_await read_all(far, 2);
    co_await settle();
    CHECK(flush.done());  // a has gone
    co_await flush;
    text += co_await read_all(far, 14);
    CHECK(text == "aaaaeeeeffffgggg");
}

EDDY_TEST_CASE("an outbox whose peer is too slow is disconnected, and everybody is told") {
    auto [near, far] = memory_stream_pair({.capacity = 4});
    Box outbox(near, {.max_messages = 2});
    auto end = eddy::spawn(waits_for_end(outbox));
    auto reader = eddy::spawn([](MemoryStream& stream) -> Task<> {
        static_cast<void>(co_await read_text(stream));
    }(near));
    auto flush = eddy::spawn([](Box& box) -> Task<> {
        co_await settle();
        co_await box.flush();
    }(outbox));
    outbox.send("on its way");
    co_await settle();
    outbox.send("first");
    outbox.send("second");
    co_await settle();
    CHECK(outbox.failure() == nullptr);
    const bool taken = outbox.send("third");
    CHECK_FALSE(taken);
    const auto why = co_await end;
    CHECK(holds<eddy::LimitExceeded>(why));
    CHECK(holds<eddy::LimitExceeded>(outbox.failure()));
    const auto read = co_await failure_of(reader);
    CHECK(holds<eddy::ClosedResource>(read));
    const auto flushed = co_await failure_of(flush);
    CHECK(holds<eddy::LimitExceeded>(flushed));
    const bool later = outbox.send("later");
    CHECK_FALSE(later);
    CHECK(outbox.statistics().dropped == 5);
    CHECK(outbox.statistics().bytes == 0);
    bool reset = false;
    try {
        static_cast<void>(co_await read_all(far));
    } catch (const eddy::BrokenResource&) {
        reset = true;
    }
    CHECK(reset);
}

EDDY_TEST_CASE("an outbox whose peer is gone takes nothing more, and throws nothing") {
    auto [near, far] = memory_stream_pair();
    Box outbox(near);
    far.close();
    bool taken = outbox.send("into the void");
    CHECK(taken);
    const auto why = co_await outbox.wait_broken();
    CHECK(holds<eddy::BrokenResource>(why));
    taken = outbox.send("x");
    CHECK_FALSE(taken);
    CHECK(outbox.statistics().dropped == 2);
}

EDDY_TEST_CASE(
    "shutdown of an outbox sends everything, then the end, and takes nothing meanwhile") {
    auto [near, far] = memory_stream_pair({.capacity = 4});
    Box outbox(near);
    outbox.send("last words");
    auto shutdown = eddy::spawn([](Box& box) -> Task<> { co_await box.shutdown(); }(outbox));
    co_await settle();
    const bool taken = outbox.send("too late");
    CHECK_FALSE(taken);
    const std::string text = co_await read_all(far);
    CHECK(text == "last words");
    co_await shutdown;
    CHECK(outbox.failure() == nullptr);
}

EDDY_TEST_CASE("an outbox that is destroyed with something unsent resets the connection") {
    auto [near, far] = memory_stream_pair({.capacity = 4});
    {
        Box outbox(near);
        outbox.send("unsent");
    }
    CHECK_FALSE(near.is_open());
    bool reset = false;
    try {
        static_cast<void>(co_await read_all(far));
    } catch (const eddy::BrokenResource&) {
        reset = true;
    }
    CHECK(reset);
}

EDDY_TEST_CASE("an outbox that a select gives up waiting for is as it was") {
    auto [near, far] = memory_stream_pair({.capacity = 2});
    Box outbox(near);
    outbox.send("message");
    auto flush = outbox.flush();
    auto broken = outbox.wait_broken();
    const auto got = co_await eddy::select(flush, broken, eddy::sleep_for(1ms));
    CHECK(got.index() == 2);
    auto read = eddy::spawn(
        [](MemoryStream& from) -> Task<std::string> { co_return co_await read_all(from, 7); }(far));
    co_await flush;
    const std::string text = co_await read;
    CHECK(text == "message");
}

// --- many subscribers --------------------------------------------------------------------------

#if EDDY_HEAP_HOOKS

EDDY_NET_TEST_FIFO("a subscriber that reads nothing costs bounded memory, and nobody else's time") {
    TcpPair slow = co_await tcp_pair();
    TcpPair quick = co_await tcp_pair();
    co_await fill(slow.client);
    StreamOutbox<TcpStream> stuck(slow.client,
                                  {.max_messages = 16, .when_full = WhenFull::drop_oldest});
    StreamOutbox<TcpStream> lively(quick.client);
    const std::set<Outbox*> all{&stuck, &lively};
    std::ptrdiff_t before = 0;
    std::size_t received = 0;
    std::vector<std::byte> buffer(65536);
    for (int i = 0; i < 2000; ++i) {
        if (i == 100) {
            before = heap_counters().bytes;
        }
        const auto message = message_of(std::string(1000, static_cast<char>('a' + i % 26)));
        for (Outbox* const each : all) {
            each->send(message);
        }
        received += co_await quick.server.read_some(buffer);
    }
    while (received < 2'000'000) {
        received += co_await quick.server.read_some(buffer);
    }
    CHECK(heap_counters().bytes - before < 4096);
    CHECK(lively.statistics().dropped == 0);
    CHECK(stuck.statistics().dropped == 2000 - 17);
    CHECK(stuck.statistics().messages == 17);
}

#endif

// --- at random ---------------------------------------------------------------------------------

namespace {

/// What was taken, not dropped, and arrived is in order and whole; and the numbers add up.
Task<> at_random(std::uint64_t seed, WhenFull when) {
    eddy::detail::SplitMix random(seed);
    auto [near, far] = memory_stream_pair({.capacity = 1 + random.next() % 60, .seed = seed});
    Box outbox(near,
               {.max_bytes = 100 + random.next() % 100,
                .max_messages = 1 + random.next() % 30,
                .when_full = when});
    std::string got;
    auto reader =
        eddy::spawn([](MemoryStream& from, std::string& into, std::uint64_t chance) -> Task<> {
            eddy::detail::SplitMix pauses(chance);
            std::array<std::byte, 16> buffer{};
            while (true) {
                const std::size_t length = co_await from.read_some(buffer);
                if (length == 0) {
                    break;
                }
                into += text_of(std::span(buffer).first(length));
                if (pauses.next() % 4 == 0) {
                    co_await eddy::sleep_for(1ms);
                }
            }
        }(far, got, seed + 1));
    std::size_t taken = 0;
    for (int i = 0; i < 300; ++i) {
        const std::string text =
            "<" + std::to_string(i) + std::string(random.next() % 12, '.') + ">";
        taken += outbox.send(text) ? 1U : 0U;
        if (random.next() % 3 == 0) {
            co_await eddy::yield();
        }
        if (random.next() % 20 == 0) {
            co_await eddy::sleep_for(2ms);
        }
        const eddy::OutboxStatistics now = outbox.statistics();
        CHECK(now.sent + now.dropped + now.messages == static_cast<std::size_t>(i) + 1);
    }
    co_await outbox.shutdown();
    co_await reader;
    const eddy::OutboxStatistics now = outbox.statistics();
    CHECK(now.messages == 0);
    CHECK(now.sent + now.dropped == 300);
    CHECK((when != WhenFull::drop_newest || now.sent == taken));
    int last = -1;
    std::size_t count = 0;
    for (std::size_t at = 0; at < got.size(); ++count) {
        const std::size_t end = got.find('>', at);
        REQUIRE(end != std::string::npos);
        REQUIRE(got[at] == '<');
        const int number = std::stoi(got.substr(at + 1));
        CHECK(number > last);
        last = number;
        at = end + 1;
    }
    CHECK(count == now.sent);
    CHECK((when != WhenFull::drop_oldest || last == 299));
}

}  // namespace

TEST_CASE("an outbox that drops sends the rest whole and in order, whatever its peer does") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        for (const WhenFull when : {WhenFull::drop_oldest, WhenFull::drop_newest}) {
            VirtualClock clock;
            eddy::run(at_random(seed, when), {}, {.clock = &clock});
        }
    }
}

// What a message's end calls.

namespace {

/// A message whose end sends another one.
Outbox::Message echoing(Outbox& outbox, const std::string& text, int& left) {
    return Outbox::Message(new std::string(text), [&outbox, &left](const std::string* gone) {
        delete gone;
        if (left-- > 0) {
            static_cast<void>(outbox.send(std::string("gone")));
        }
    });
}

}  // namespace

EDDY_TEST_CASE("a message whose end sends to the same outbox, when it was sent") {
    auto [far, near] = memory_stream_pair();
    Box box(near);
    int left = 3;
    CHECK(box.send(echoing(box, "one", left)));
    co_await box.flush();
    co_await box.flush();
    CHECK(box.statistics().messages == 0);
    CHECK(box.statistics().bytes == 0);
    CHECK(box.failure() == nullptr);
    const std::string got = co_await stream_contract::read_text(far, 7);
    CHECK(got == "onegone");
}

EDDY_TEST_CASE("a message whose end sends to the same outbox, when it was dropped") {
    auto [far, near] = memory_stream_pair({.capacity = 1});
    Box box(near, {.max_messages = 2, .when_full = WhenFull::drop_oldest});
    int left = 2;
    for (int i = 0; i < 40; ++i) {
        static_cast<void>(box.send(echoing(box, "x", left)));
    }
    CHECK(left <= 0);
    CHECK(box.statistics().dropped > 0);
    CHECK(box.failure() == nullptr);
    far.close();
    co_await eddy::yield();
}

EDDY_TEST_CASE("a message whose end sends to the same outbox, when that ends") {
    auto [far, near] = memory_stream_pair();
    int left = 3;
    {
        Box box(near);
        CHECK(box.send(echoing(box, "one", left)));
    }
    CHECK(left == 2);
    co_await eddy::yield();
    static_cast<void>(far);
}

TEST_CASE("an outbox that is first used when its loop is over refuses, and may end later") {
    struct Peer {
        explicit Peer(MemoryStream given) : stream(std::move(given)), box(stream) {}
        MemoryStream stream;
        Box box;
    };
    std::unique_ptr<Peer> peer;
    std::optional<bool> sent;
    eddy::run([](std::unique_ptr<Peer>& made, std::optional<bool>& result) -> Task<> {
        auto [far, near] = memory_stream_pair();
        made = std::make_unique<Peer>(std::move(near));
        CHECK(eddy::Loop::current().handle().post(
            [&made, &result] { result = made->box.send(std::string("bye")); }));
        co_return;
    }(peer, sent));
    CHECK(sent == false);
    peer.reset();
}

EDDY_TEST_CASE("what the stream has taken is not torn when its outbox ends in that moment") {
    auto [far, near] = memory_stream_pair({.capacity = 16});
    auto held = std::make_optional(std::move(near));
    auto box = std::make_optional<Box>(*held);
    CHECK(box->send(std::string(24, 'x')));
    co_await settle();  // 16 are under way
    const std::string first = co_await stream_contract::read_text(far, 16);
    box.reset();  // the write has ended with this read, and nobody has looked yet
    held.reset();
    const std::string rest = co_await stream_contract::read_text(far, 8);
    CHECK(first + rest == std::string(24, 'x'));
}

EDDY_TEST_CASE("what a write of an outbox makes possible is seen by the select with its flush") {
    for (const bool ends : {false, true}) {
        auto [near, far] = memory_stream_pair({.capacity = 1000});
        ToldWrites stream(std::move(near));
        StreamOutbox outbox(stream, {.max_bytes = 1U << 20U});
        bool there = false;
        stream.on_write = [&there] { there = true; };
        for (int i = 0; i < 16; ++i) {  // as many as are gathered
            outbox.send("small");
        }
        outbox.send(std::string(5000, 'x'));
        std::size_t winner = 1;
        if (ends) {
            const auto got = co_await select(Look(there), outbox.shutdown());
            winner = got.index();
        } else {
            const auto got = co_await select(Look(there), outbox.flush());
            winner = got.index();
        }
        CHECK(winner == 0);
    }
}
