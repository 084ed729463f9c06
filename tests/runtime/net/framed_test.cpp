// SPDX-License-Identifier: MIT
#include <eddy/net/framed.hpp>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/gather.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/with_scope.hpp>

#include "heap_hooks.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Framed;
using eddy::FrameOptions;
using eddy::FrameReader;
using eddy::FrameWriter;
using eddy::Task;
using eddy::testing::memory_stream_pair;
using eddy::testing::MemoryStream;
using eddy::testing::settle;

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The frames that come until the end of the stream.
Task<std::vector<std::string>> frames_of(MemoryStream& stream, FrameOptions options) {
    FrameReader reader(stream, options);
    std::vector<std::string> frames;
    while (true) {
        const auto frame = co_await reader.next();
        if (!frame) {
            co_return frames;
        }
        frames.push_back(text_of(*frame));
    }
}

Task<> feed(MemoryStream stream, std::string bytes) { co_await stream.write_all(bytes); }

template <class Sender>
Task<> send(Sender& sender, std::string message) {
    co_await sender.send(message);
}

Task<std::string> failure_of(Task<std::vector<std::string>> work) {
    try {
        co_await std::move(work);
    } catch (const std::exception& error) {
        co_return error.what();
    }
    co_return "none";
}

}  // namespace

EDDY_TEST_CASE("frames come out as they went in, whatever the stream does to them") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        std::mt19937_64 random(seed);
        const FrameOptions options{
            .limit = 2000,
            .length_bytes = static_cast<unsigned>(2 + random() % 7),
            .order = random() % 2 == 0 ? std::endian::big : std::endian::little};
        std::vector<std::string> messages(20);
        for (std::string& message : messages) {
            message.assign(random() % 5 == 0 ? 0 : random() % 2001,
                           static_cast<char>('a' + random() % 26));
        }
        auto [from, to] = memory_stream_pair({.capacity = 1 + random() % 700, .seed = seed});
        auto writing = eddy::spawn(
            [](MemoryStream stream, std::vector<std::string> all, FrameOptions how) -> Task<> {
                FrameWriter writer(stream, how);
                for (const std::string& message : all) {
                    co_await writer.send(message);
                }
            },
            std::move(from),
            messages,
            options);
        const auto got = co_await frames_of(to, options);
        co_await writing;
        CHECK(got == messages);
    }
}

EDDY_TEST_CASE("a length is four bytes, the highest first, unless said otherwise") {
    auto [a, b] = memory_stream_pair();
    FrameWriter writer(a);
    co_await writer.send("abc");
    FrameWriter little(a, {.length_bytes = 2, .order = std::endian::little});
    co_await little.send("de");
    const std::string bytes = co_await eddy::testing::stream_contract::read_text(b, 11);
    CHECK(bytes == std::string("\0\0\0\3abc\2\0de", 11));
}

EDDY_TEST_CASE("both halves work on one stream at the same time") {
    auto [a, b] = memory_stream_pair({.capacity = 5});
    auto echo = eddy::spawn(
        [](MemoryStream stream) -> Task<> {
            Framed framed(stream);
            while (true) {
                const auto frame = co_await framed.next();
                if (!frame) {
                    co_return;
                }
                co_await framed.send(*frame);
            }
        },
        std::move(b));
    Framed framed(a);
    for (const std::string message : {"one", "", "a longer one"}) {
        auto sending = eddy::spawn(send(framed, message));
        const auto frame = co_await framed.next();
        CHECK(text_of(*frame) == message);
        co_await sending;
    }
    a.close();
    co_await echo;
}

EDDY_TEST_CASE("a frame above the limit is refused by its length, on both sides") {
    auto [a, b] = memory_stream_pair();
    FrameWriter small(a, {.limit = 3});
    bool refused = false;
    try {
        co_await small.send("four");
    } catch (const std::invalid_argument&) {
        refused = true;
    }
    CHECK(refused);
    CHECK(b.readable() == 0);
    FrameWriter writer(a);
    co_await writer.send("four");
    const std::string failure = co_await failure_of(frames_of(b, {.limit = 3}));
    CHECK(failure.find("a frame is longer than the limit of 3 bytes") == 0);

    auto [c, d] = memory_stream_pair();
    co_await c.write_all("\xff\xff\xff\xff\xff\xff\xff\xff");  // nobody allocates this
    const std::string huge = co_await failure_of(frames_of(d, {.length_bytes = 8}));
    CHECK(huge.find("a frame is longer") == 0);
    const FrameOptions any{.limit = std::numeric_limits<std::size_t>::max(), .length_bytes = 8};
    auto [e, f] = memory_stream_pair();
    co_await e.write_all("\xff\xff\xff\xff\xff\xff\xff\xff");
    e.close();
    const std::string endless = co_await failure_of(frames_of(f, any));
    CHECK(endless.find("a frame is longer") == 0);
    FrameWriter tiny(c, {.limit = 1000, .length_bytes = 1});
    bool too_wide = false;
    const std::string message(256, 'x');
    try {
        co_await tiny.send(message);
    } catch (const std::invalid_argument&) {
        too_wide = true;
    }
    CHECK(too_wide);
    CHECK_THROWS_AS(FrameWriter(c, {.length_bytes = 0}), std::invalid_argument);
    CHECK_THROWS_AS(FrameReader(c, {.length_bytes = 9}), std::invalid_argument);
}

EDDY_TEST_CASE("a stream may end between two frames, not inside one") {
    for (const auto& [bytes, message] : std::vector<std::pair<std::string, std::string>>{
             {std::string("\0\0\0\1x", 5), "none"},
             {std::string("\0\0\0\1x\0\0", 7),
              "the stream ended inside a frame, after 2 of 4 bytes"},
             {std::string("\0\0\0\5xy", 6),
              "the stream ended inside a frame, after 6 of 9 bytes"}}) {
        auto [a, b] = memory_stream_pair();
        auto feeding = eddy::spawn(feed(std::move(a), bytes));
        const std::string failure = co_await failure_of(frames_of(b, {}));
        CHECK(failure == message);
        co_await feeding;
    }
}

EDDY_TEST_CASE("a frame that a timeout interrupts is read by the next call") {
    auto [a, b] = memory_stream_pair();
    FrameReader reader(b);
    co_await a.write_all(std::string_view("\0\0\0\4ab", 6));
    const auto none = co_await eddy::move_on_after(1s, reader.next());
    CHECK_FALSE(none.has_value());
    co_await a.write_all("cd");
    const auto frame = co_await reader.next();
    CHECK(text_of(*frame) == "abcd");
}

TEST_CASE("an exchange of frames survives a cancellation at every checkpoint") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        auto [a, b] = memory_stream_pair({.capacity = 3});
        auto writing = eddy::spawn(
            [](MemoryStream stream) -> Task<> {
                FrameWriter writer(stream);
                co_await writer.send("hello");
                co_await writer.send("again");
            },
            std::move(a));
        FrameReader reader(b);
        std::vector<std::string> got;
        const auto read = [](FrameReader<MemoryStream>& from,
                             std::vector<std::string>& to) -> Task<> {
            while (to.size() < 2) {
                const auto frame = co_await from.next();
                to.push_back(text_of(*frame));
            }
        };
        const auto outcome = co_await eddy::detail::outcome_of(read(reader, got));
        co_await eddy::shield(read(reader, got));
        CHECK(got == std::vector<std::string>{"hello", "again"});
        co_await writing.wait();
    });
    CHECK(count > 4);
}

#if EDDY_HEAP_HOOKS && EDDY_FRAME_POOL

EDDY_TEST_CASE_FIFO("warm frames allocate nothing") {
    auto [a, b] = memory_stream_pair();
    FrameWriter writer(a);
    FrameReader reader(b);
    std::size_t before = 0;
    for (int i = 0; i < 1000; ++i) {
        co_await writer.send("a message");
        const auto frame = co_await reader.next();
        CHECK(frame->size() == 9);
        if (i == 10) {
            before = eddy::testing::heap_counters().allocations;
        }
    }
    CHECK(eddy::testing::heap_counters().allocations == before);
}

#endif

EDDY_TEST_CASE("a message that is a temporary is sent within its expression") {
    auto [a, b] = memory_stream_pair({.capacity = 3});
    eddy::Framed sending(a);
    FrameReader reader(b);
    using eddy::detail::ExpressionOperation;
    CHECK(ExpressionOperation<decltype(sending.send(std::string("x")))>);
    CHECK(ExpressionOperation<decltype(sending.send(std::vector<std::byte>(1)))>);
    CHECK_FALSE(ExpressionOperation<decltype(sending.send(std::string_view("x")))>);
    CHECK_FALSE(ExpressionOperation<decltype(sending.send("x"))>);
    const auto read = [](FrameReader<MemoryStream>& from) -> Task<std::string> {
        const auto frame = co_await from.next();
        co_return text_of(*frame);
    };
    const auto [none, first] = co_await eddy::gather(
        eddy::fail_after(1s,
                         sending.send(std::string("a message that is longer than a small string"))),
        read(reader));
    CHECK(first == "a message that is longer than a small string");
    const auto [nothing, second] = co_await eddy::gather(
        eddy::fail_after(1s, sending.send(std::vector<std::byte>(5, std::byte{'x'}))),
        read(reader));
    CHECK(second == "xxxxx");
}

namespace {

/// A stream of a user's that was written before operations could be made of others.
class TaskStream final {
public:
    explicit TaskStream(MemoryStream stream) : stream_(std::move(stream)) {}
    Task<std::size_t> read_some(std::span<std::byte> into) {
        co_return co_await stream_.read_some(into);
    }
    Task<std::size_t> write_some(std::span<const std::byte> bytes) {
        co_return co_await stream_.write_some(bytes);
    }
    Task<> write_all(std::span<const std::byte> bytes) { co_await stream_.write_all(bytes); }
    Task<> write_all(std::span<const std::span<const std::byte>> several) {
        co_await stream_.write_all(several);
    }
    Task<> write_all(std::string_view text) { co_await stream_.write_all(text); }
    Task<> shutdown() { co_await stream_.shutdown(); }
    void close() { stream_.close(); }

private:
    MemoryStream stream_;
};
static_assert(eddy::Stream<TaskStream>);

}  // namespace

EDDY_TEST_CASE("over a stream whose operations are tasks, frames are sent and read by tasks") {
    auto [a, b] = memory_stream_pair({.capacity = 5});
    TaskStream left(std::move(a));
    TaskStream right(std::move(b));
    Framed near(left);
    Framed far(right);
    CHECK(eddy::detail::is_task<decltype(near.send("x"))>);
    CHECK(eddy::detail::is_expression_task<decltype(near.send(std::string("x")))>);
    CHECK(eddy::detail::is_task<decltype(near.next())>);
    auto sending = eddy::spawn(near.send("a message"));
    const auto frame = co_await far.next();
    CHECK(text_of(*frame) == "a message");
    co_await sending;
    const auto both = [](Framed<TaskStream>& from, Framed<TaskStream>& to) -> Task<> {
        co_await to.send(std::string("!"));
        const auto short_one = co_await from.next();
        CHECK(text_of(*short_one) == "!");
    };
    co_await both(near, far);
}
