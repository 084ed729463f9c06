// SPDX-License-Identifier: MIT
#include <eddy/net/copy.hpp>

#include <exception>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/with_scope.hpp>

#include "heap_hooks.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::CopiedBytes;
using eddy::Task;
using eddy::testing::memory_stream_pair;
using eddy::testing::MemoryOptions;
using eddy::testing::MemoryStream;
using eddy::testing::settle;
using eddy::testing::stream_contract::read_all;
using eddy::testing::stream_contract::read_text;

/// client <-> (left, right) <-> server: a proxy sits in the middle.
struct Line {
    explicit Line(const MemoryOptions& options = {}) {
        std::tie(client, left) = memory_stream_pair(options);
        std::tie(right, server) = memory_stream_pair(options);
    }
    MemoryStream client = memory_stream_pair().first;
    MemoryStream left = memory_stream_pair().first;
    MemoryStream right = memory_stream_pair().first;
    MemoryStream server = memory_stream_pair().first;
};

Task<> writes_and_ends(MemoryStream& stream, std::string text) {
    co_await stream.write_all(text);
    co_await stream.shutdown();
}

}  // namespace

EDDY_TEST_CASE("copy carries everything to the end and leaves the target open") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        std::string text(20'000, 'x');
        for (std::size_t i = 0; i < text.size(); ++i) {
            text[i] = static_cast<char>('a' + (i * seed) % 26);
        }
        Line line({.capacity = 100 * seed, .seed = seed});
        auto source = eddy::spawn(writes_and_ends(line.client, text));
        auto sink = eddy::spawn(read_text(line.server, text.size() + 1));
        const std::uint64_t count = co_await eddy::copy(line.left, line.right, {.buffer_size = 77});
        CHECK(count == text.size());
        co_await line.right.write_all("!");
        const std::string got = co_await sink;
        CHECK(got == text + "!");
        co_await source;
    }
}

EDDY_TEST_CASE("copy_bidirectional passes each half-close on and goes on the other way") {
    Line line;
    auto joined = eddy::spawn(eddy::copy_bidirectional(line.left, line.right));
    co_await line.client.write_all("request");
    co_await line.client.shutdown();
    const std::string request = co_await read_all(line.server);  // to its end
    CHECK(request == "request");
    co_await settle();
    CHECK_FALSE(joined.done());
    co_await line.server.write_all("a longer answer");
    const std::string some = co_await read_text(line.client, 5);
    CHECK(some == "a lon");
    line.server.close();
    const std::string rest = co_await read_all(line.client);
    CHECK(rest == "ger answer");
    const CopiedBytes bytes = co_await joined;
    CHECK(bytes.a_to_b == 7);
    CHECK(bytes.b_to_a == 15);
    CHECK(line.left.is_open());
}

EDDY_TEST_CASE("a failure of one direction ends both, and the bytes so far are known") {
    Line line;
    CopiedBytes bytes;
    auto joined =
        eddy::spawn(eddy::copy_bidirectional(line.left, line.right, {.progress = &bytes}));
    co_await line.client.write_all("12345");
    const std::string got = co_await read_text(line.server, 5);
    CHECK(got == "12345");
    co_await settle();
    CHECK(bytes.a_to_b == 5);  // while it runs
    line.server.close_reset();
    bool broken = false;
    try {
        co_await joined;
    } catch (const eddy::BrokenResource&) {
        broken = true;
    }
    CHECK(broken);
    CHECK(bytes.a_to_b == 5);
    CHECK(bytes.b_to_a == 0);
}

// The test kit lets no failure pass that is reported beside the one that comes out.

EDDY_TEST_CASE("a connection that breaks in both directions fails a copy once") {
    Line line({.capacity = 4});
    auto joined = eddy::spawn(eddy::copy_bidirectional(line.left, line.right));
    co_await line.server.write_all("12345678");
    co_await settle();  // one direction reads from the client, the other one writes to it
    line.client.close_reset();
    bool broken = false;
    try {
        co_await joined;
    } catch (const eddy::BrokenResource&) {
        broken = true;
    }
    CHECK(broken);
}

EDDY_TEST_CASE("a copy whose both sides fall silent fails once") {
    Line line;
    eddy::TimedStream near(std::move(line.left), {.idle = 60s});
    eddy::TimedStream far(std::move(line.right), {.idle = 60s});
    const eddy::TimePoint begun = eddy::now();
    bool timed_out = false;
    try {
        co_await eddy::copy_bidirectional(near, far);
    } catch (const eddy::TimedOut&) {
        timed_out = true;
    }
    CHECK(timed_out);
    CHECK(eddy::now() - begun == 60s);
}

EDDY_TEST_CASE("a copy whose streams are closed fails once") {
    Line line;
    auto joined = eddy::spawn(eddy::copy_bidirectional(line.left, line.right));
    co_await settle();
    line.left.close();
    line.right.close();
    bool closed = false;
    try {
        co_await joined;
    } catch (const eddy::ClosedResource&) {
        closed = true;
    }
    CHECK(closed);
}

EDDY_TEST_CASE("a second failure of a copy that is no end of a stream is told of") {
    struct Breaks {  // a connection of somebody's own, with a mistake in it
        Task<std::size_t> read_some(std::span<std::byte>) {
            co_await settle();
            throw std::logic_error("a mistake");
        }
        Task<std::size_t> write_some(std::span<const std::byte> bytes) { co_return bytes.size(); }
        Task<> write_all(std::span<const std::byte>) { co_return; }
        Task<> write_all(std::span<const std::span<const std::byte>>) { co_return; }
        Task<> write_all(std::string_view) { co_return; }
        Task<> shutdown() { co_return; }
        void close() {}
    };
    Breaks one;
    Breaks other;
    bool mistaken = false;
    try {
        co_await eddy::copy_bidirectional(one, other);
    } catch (const std::logic_error&) {
        mistaken = true;
    }
    CHECK(mistaken);
    CHECK(eddy::testing::expected_failures().size() == 1);
}

EDDY_TEST_CASE("a reader that does not read stops the writer: one buffer is on its way") {
    Line line({.capacity = 10});
    auto joined = eddy::spawn(eddy::copy_bidirectional(line.left, line.right, {.buffer_size = 7}));
    auto source = eddy::spawn(writes_and_ends(line.client, std::string(1000, 'x')));
    co_await settle();
    CHECK(line.server.readable() == 10);
    CHECK(line.left.readable() == 10);
    CHECK_FALSE(source.done());
    const std::string all = co_await read_all(line.server);
    CHECK(all.size() == 1000);
    line.server.close();
    co_await joined;
    co_await source;
}

EDDY_TEST_CASE("a buffer of nothing is refused") {
    Line line;
    bool refused = false;
    try {
        co_await eddy::copy(line.left, line.right, {.buffer_size = 0});
    } catch (const std::invalid_argument&) {
        refused = true;
    }
    CHECK(refused);
}

TEST_CASE("a copy cancelled at any checkpoint ends both directions") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        Line line({.capacity = 3});
        co_await eddy::with_task_group([&line](eddy::TaskGroup& group) -> Task<> {
            group.spawn(writes_and_ends(line.client, "from client"));
            group.spawn(writes_and_ends(line.server, "from server"));
            group.spawn(
                [](Line& of) -> Task<> {
                    const std::string text = co_await read_all(of.client);
                    CHECK(text == "from server");
                },
                std::ref(line));
            group.spawn(
                [](Line& of) -> Task<> {
                    const std::string text = co_await read_all(of.server);
                    CHECK(text == "from client");
                },
                std::ref(line));
            const CopiedBytes bytes =
                co_await eddy::copy_bidirectional(line.left, line.right, {.buffer_size = 4});
            CHECK(bytes.a_to_b == 11);
            CHECK(bytes.b_to_a == 11);
        });
    });
    CHECK(count > 20);
}

#if EDDY_HEAP_HOOKS && EDDY_FRAME_POOL

EDDY_TEST_CASE_FIFO("a warm copy allocates nothing per message") {
    Line line;
    auto joined = eddy::spawn(eddy::copy_bidirectional(line.left, line.right));
    std::array<std::byte, 16> buffer{};
    std::size_t before = 0;
    for (int i = 0; i < 500; ++i) {
        co_await line.client.write_all("ping");
        co_await line.server.read_some(buffer);
        co_await line.server.write_all("pong");
        co_await line.client.read_some(buffer);
        if (i == 10) {
            before = eddy::testing::heap_counters().allocations;
        }
    }
    CHECK(eddy::testing::heap_counters().allocations == before);
    co_await line.client.shutdown();
    co_await line.server.shutdown();
    co_await joined;
}

#endif

TEST_CASE("what streams throw when they have ended is told from other failures") {
    using eddy::detail::says_stream_ended;
    CHECK(says_stream_ended(std::make_exception_ptr(eddy::BrokenResource("gone"))));
    CHECK(says_stream_ended(std::make_exception_ptr(eddy::ClosedResource("closed"))));
    CHECK(says_stream_ended(std::make_exception_ptr(eddy::EndOfStream("cut short"))));
    CHECK(says_stream_ended(std::make_exception_ptr(eddy::TimedOut("silent"))));
    CHECK_FALSE(says_stream_ended(std::make_exception_ptr(eddy::LoopClosed("over"))));
    CHECK_FALSE(says_stream_ended(std::make_exception_ptr(std::runtime_error("other"))));
    CHECK_FALSE(says_stream_ended(std::make_exception_ptr(7)));
}
