// SPDX-License-Identifier: MIT
#include <eddy/net/buffered_reader.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/wait_queue.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "heap_hooks.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::BufferedReader;
using eddy::Task;
using eddy::testing::memory_stream_pair;
using eddy::testing::MemoryStream;
using eddy::testing::settle;

static_assert(eddy::ReadStream<BufferedReader<MemoryStream>>);

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A stream from which `text` comes, in one piece or split by a seed, and then the end.
Task<MemoryStream> stream_of(std::string_view text,
                             std::optional<std::uint64_t> seed = std::nullopt) {
    auto [from, to] = memory_stream_pair({.capacity = text.size() + 1, .seed = seed});
    co_await from.write_all(text);
    from.close();
    co_return std::move(to);
}

template <class E>
Task<bool> throws(Task<> work) {
    try {
        co_await std::move(work);
    } catch (const E&) {
        co_return true;
    }
    co_return false;
}

template <class S>
Task<> line_of(BufferedReader<S>& reader, std::size_t limit = eddy::default_read_limit) {
    co_await reader.read_line(limit);
}
template <class S>
Task<> until(BufferedReader<S>& reader, std::string_view end, std::size_t limit = 100) {
    co_await reader.read_until(end, limit);
}
template <class S>
Task<> exactly(BufferedReader<S>& reader, std::size_t count, std::size_t limit = 100) {
    co_await reader.read_exactly(count, limit);
}
template <class S>
Task<> fill(BufferedReader<S>& reader, std::span<std::byte> into) {
    co_await reader.read_exactly(into);
}

}  // namespace

EDDY_TEST_CASE("read_line takes CRLF and LF for the end of a line, and neither is returned") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        MemoryStream stream = co_await stream_of("one\r\ntwo\n\r\n\nfi\rve\nlast", seed);
        BufferedReader reader(stream);
        std::vector<std::string> lines;
        while (true) {
            const auto line = co_await reader.read_line();
            if (!line) {
                break;
            }
            lines.emplace_back(*line);
        }
        CHECK(lines == std::vector<std::string>{"one", "two", "", "", "fi\rve", "last"});
        const auto again = co_await reader.read_line();
        CHECK_FALSE(again);
    }
}

EDDY_TEST_CASE("a line of exactly the limit passes, one byte more is refused at once") {
    auto [writer, stream] = memory_stream_pair();
    BufferedReader reader(stream);
    co_await writer.write_all("12345\r\n12345\n123456");  // the last one goes on
    for (int i = 0; i < 2; ++i) {
        const auto line = co_await reader.read_line(5);
        CHECK(line == "12345");
    }
    const bool refused = co_await throws<eddy::LimitExceeded>(line_of(reader, 5));
    CHECK(refused);  // without waiting for its end
    CHECK(reader.buffered() == 6);
    co_await writer.write_all("\n");
    const auto line = co_await reader.read_line(6);
    CHECK(line == "123456");

    co_await writer.write_all("12345\r");  // the CR may be part of the line, or of its end
    auto waiting = eddy::spawn(throws<eddy::LimitExceeded>(line_of(reader, 5)));
    co_await settle();
    CHECK_FALSE(waiting.done());
    co_await writer.write_all("!");
    const bool late = co_await waiting;
    CHECK(late);
}

EDDY_TEST_CASE("at the end of the stream a CR is no end of a line, and counts") {
    MemoryStream stream = co_await stream_of("four\r");
    BufferedReader reader(stream);
    const bool refused = co_await throws<eddy::LimitExceeded>(line_of(reader, 4));
    CHECK(refused);
    const auto line = co_await reader.read_line(5);
    CHECK(line == "four\r");
}

EDDY_TEST_CASE("the default limit is 64 KiB") {
    std::string text(64 * 1024, 'x');
    MemoryStream stream = co_await stream_of(text + "\n" + text + "x\n");
    BufferedReader reader(stream);
    const auto line = co_await reader.read_line();
    CHECK(line == text);
    const bool refused = co_await throws<eddy::LimitExceeded>(line_of(reader));
    CHECK(refused);
}

EDDY_TEST_CASE("read_until finds delimiters that come in pieces, and takes them") {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        MemoryStream stream = co_await stream_of("a-b--ab---c--", seed);
        BufferedReader reader(stream);
        std::vector<std::string> parts;
        while (true) {
            const auto part = co_await reader.read_until("--");
            if (!part) {
                break;
            }
            parts.push_back(text_of(*part));
        }
        CHECK(parts == std::vector<std::string>{"a-b", "ab", "-c"});
    }
}

EDDY_TEST_CASE("read_until holds to its limit, and says when the stream ends inside") {
    MemoryStream stream = co_await stream_of("12345;123456;rest");
    BufferedReader reader(stream);
    const auto part = co_await reader.read_until(";", 5);
    CHECK(text_of(*part) == "12345");
    const bool refused = co_await throws<eddy::LimitExceeded>(until(reader, ";", 5));
    CHECK(refused);
    const auto longer = co_await reader.read_until(";", 6);
    CHECK(text_of(*longer) == "123456");
    const bool ended = co_await throws<eddy::EndOfStream>(until(reader, ";"));
    CHECK(ended);
    const auto rest = co_await reader.read_line();
    CHECK(rest == "rest");
    const auto none = co_await reader.read_until(";");
    CHECK_FALSE(none);
    const bool misuse = co_await throws<std::invalid_argument>(until(reader, ""));
    CHECK(misuse);
}

EDDY_TEST_CASE("read_exactly gives so many bytes, or leaves what there is") {
    MemoryStream stream = co_await stream_of("abcdefghij", 3);
    BufferedReader reader(stream);
    const auto view = co_await reader.read_exactly(3);
    CHECK(text_of(view) == "abc");
    std::array<std::byte, 4> four{};
    co_await reader.read_exactly(four);
    CHECK(text_of(four) == "defg");
    const auto nothing = co_await reader.read_exactly(0);
    CHECK(nothing.empty());
    const bool ended = co_await throws<eddy::EndOfStream>(exactly(reader, 4));
    CHECK(ended);
    const bool ended_too = co_await throws<eddy::EndOfStream>(fill(reader, four));
    CHECK(ended_too);
    CHECK(reader.buffered() == 3);
    const bool refused = co_await throws<eddy::LimitExceeded>(exactly(reader, 101));
    CHECK(refused);
    const auto rest = co_await reader.read_line();
    CHECK(rest == "hij");
    const bool at_end = co_await throws<eddy::EndOfStream>(exactly(reader, 1));
    CHECK(at_end);
}

Task<> ignore_cancellation(BufferedReader<MemoryStream>& reader) {
    std::array<std::byte, 8> buffer{};
    co_await eddy::shield(reader.read_exactly(buffer));
}

Task<> leave_stubborn(MemoryStream& from, BufferedReader<MemoryStream>& reader) {
    co_await from.write_all("abc");
    eddy::spawn(ignore_cancellation(reader)).detach();
    co_await settle();
}

TEST_CASE("what a read had got when its frame was destroyed is still to be read") {
    auto [from, to] = memory_stream_pair();
    BufferedReader reader(to);
    eddy::testing::VirtualClock clock;
    eddy::testing::RecordingObserver observer;
    eddy::run(
        leave_stubborn(from, reader), {.grace = 1ms}, {.clock = &clock, .observer = &observer});
    CHECK(observer.abandoned.size() == 1);
    CHECK(reader.buffered() == 3);
}

EDDY_TEST_CASE("read_some gives what is buffered first, then goes to the stream") {
    auto [writer, stream] = memory_stream_pair();
    BufferedReader reader(stream);
    co_await writer.write_all("line\nmore");
    const auto line = co_await reader.read_line();
    CHECK(line == "line");
    CHECK(reader.buffered() == 4);
    co_await writer.write_all("!");
    std::array<std::byte, 16> buffer{};
    std::size_t length = co_await reader.read_some(buffer);
    CHECK(length == 4);
    length = co_await reader.read_some(buffer);
    CHECK(length == 1);
    writer.close();
    length = co_await reader.read_some(buffer);
    CHECK(length == 0);
}

EDDY_TEST_CASE("one job reads at a time, and an error of the stream comes through") {
    auto [writer, stream] = memory_stream_pair();
    BufferedReader reader(stream);
    auto first = eddy::spawn(throws<eddy::BrokenResource>(line_of(reader)));
    co_await settle();
    const bool busy = co_await throws<eddy::BusyResource>(line_of(reader));
    CHECK(busy);
    writer.close_reset();
    const bool broken = co_await first;
    CHECK(broken);
}

TEST_CASE("cancelled at any checkpoint, a reader has lost nothing") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        auto [writer, stream] = memory_stream_pair({.capacity = 2});
        BufferedReader reader(stream);
        std::string got;
        const auto read = [](BufferedReader<MemoryStream>& from, std::string& to) -> Task<> {
            while (to.size() < 12) {
                if (to.size() < 3) {
                    const auto line = co_await from.read_line();
                    to += *line;
                } else if (to.size() < 6) {
                    const auto part = co_await from.read_until("::");
                    to += text_of(*part);
                } else {
                    std::array<std::byte, 3> three{};
                    co_await from.read_exactly(three);
                    to += text_of(three);
                }
            }
        };
        auto feeding = eddy::spawn(
            [](MemoryStream& to) -> Task<> { co_await to.write_all("abc\r\ndef::ghijkl"); },
            std::ref(writer));
        const auto outcome = co_await eddy::detail::outcome_of(read(reader, got));
        co_await eddy::shield(read(reader, got));
        CHECK(got == "abcdefghijkl");
        co_await feeding;
        if (outcome.error()) {
            std::rethrow_exception(outcome.error());
        }
    });
    CHECK(count > 5);
}

namespace {

/// What a reader did with a text that came in random pieces at random times, each operation under a
/// random timeout and tried again.
Task<std::string> read_at_random(std::string text, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto pick = [&random](std::size_t low, std::size_t high) {
        return std::uniform_int_distribution<std::size_t>(low, high)(random);
    };
    auto [writer, stream] = memory_stream_pair({.capacity = pick(1, 300), .seed = seed});
    auto feeding = eddy::spawn(
        [](MemoryStream to, std::string all, std::uint64_t feed_seed) -> Task<> {
            std::mt19937_64 dice(feed_seed);
            std::string_view rest = all;
            while (!rest.empty()) {
                const std::size_t length = std::min<std::size_t>(1 + dice() % 100, rest.size());
                co_await to.write_all(rest.substr(0, length));
                rest.remove_prefix(length);
                co_await eddy::sleep_for(std::chrono::milliseconds(dice() % 3));
            }
        },
        std::move(writer),
        text,
        seed);
    BufferedReader reader(stream);
    std::string got;
    while (got.size() < text.size()) {
        const auto timeout = std::chrono::milliseconds(pick(0, 5));
        switch (pick(0, 3)) {
            case 0: {
                const auto line = co_await eddy::move_on_after(timeout, reader.read_line());
                if (line && *line) {
                    got += **line;
                    got += got.size() < text.size() ? "\n" : "";
                }
                break;
            }
            case 1: {
                const std::size_t count =
                    std::min<std::size_t>(pick(0, 400), text.size() - got.size());
                const auto view = co_await eddy::move_on_after(timeout, reader.read_exactly(count));
                got += view ? text_of(*view) : std::string();
                break;
            }
            case 2: {
                std::vector<std::byte> bytes(
                    std::min<std::size_t>(pick(0, 400), text.size() - got.size()));
                const bool done = co_await eddy::move_on_after(
                    timeout, reader.read_exactly(std::span<std::byte>(bytes)));
                got += done ? text_of(bytes) : std::string();
                break;
            }
            default: {
                std::array<std::byte, 50> bytes{};
                const auto length = co_await eddy::move_on_after(timeout, reader.read_some(bytes));
                got += length ? text_of(std::span(bytes).first(*length)) : std::string();
            }
        }
    }
    co_await feeding;
    co_return got;
}

}  // namespace

EDDY_TEST_CASE("random pieces, operations and timeouts lose and reorder nothing") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        std::mt19937_64 random(seed);
        std::string text;
        while (text.size() < 3000) {
            text += std::string(random() % 120, static_cast<char>('a' + random() % 26)) + "\n";
        }
        const std::string got = co_await read_at_random(text, seed);
        CHECK(got == text);
    }
}

#if EDDY_HEAP_HOOKS && EDDY_FRAME_POOL

EDDY_TEST_CASE_FIFO("a warm reader allocates nothing per line") {
    auto [writer, stream] = memory_stream_pair();
    BufferedReader reader(stream);
    std::size_t before = 0;
    for (int i = 0; i < 1000; ++i) {
        co_await writer.write_all("a line of a protocol\r\n");
        const auto line = co_await reader.read_line();
        CHECK(line == "a line of a protocol");
        if (i == 10) {
            before = eddy::testing::heap_counters().allocations;
        }
    }
    CHECK(eddy::testing::heap_counters().allocations == before);
}

#endif

// A stream that always has something: whoever reads a long piece of it lets the others go between.

namespace {

/// Never waits: a byte that is no line feed, as often as it is asked.
class EndlessStream final {
public:
    class Read final : public eddy::QueuedWaiter {
    public:
        Read(std::size_t& reads, std::span<std::byte> into) noexcept : reads_(reads), into_(into) {}
        [[nodiscard]] bool try_now() noexcept {
            ++reads_;
            into_.front() = std::byte{'x'};
            return true;
        }
        void start() noexcept {}
        [[nodiscard]] std::size_t take() const noexcept { return 1; }
        [[nodiscard]] const char* what() const noexcept override { return "EndlessStream"; }

    private:
        std::size_t& reads_;
        std::span<std::byte> into_;
    };

    [[nodiscard]] Read read_some(std::span<std::byte> into) { return {reads_, into}; }
    [[nodiscard]] std::size_t reads() const noexcept { return reads_; }

private:
    std::size_t reads_ = 0;
};

}  // namespace

EDDY_TEST_CASE("a reader that never has to wait lets others run within a long piece") {
    EndlessStream stream;
    eddy::BufferedReader reader(stream);
    std::array<std::byte, 1000> into{};
    const auto watch = [](EndlessStream& watched, std::size_t& most) -> eddy::Task<> {
        std::size_t before = watched.reads();
        while (true) {
            co_await eddy::yield();
            most = std::max(most, watched.reads() - std::exchange(before, watched.reads()));
        }
    };
    for (const bool into_memory : {false, true}) {
        CAPTURE(into_memory);
        std::size_t most = 0;
        auto watcher = eddy::spawn(watch, std::ref(stream), std::ref(most));
        if (into_memory) {
            co_await reader.read_exactly(into);
        } else {
            const auto piece = co_await reader.read_exactly(1000);
            CHECK(piece.size() == 1000);
        }
        CHECK(most != 0);
        CHECK(most <= 64);
        watcher.cancel();
        co_await watcher.wait();
    }
}

EDDY_TEST_CASE("a reader that never has to wait can be cancelled within a long piece") {
    EndlessStream stream;
    eddy::BufferedReader reader(stream);
    eddy::CancelScope scope;
    auto job = eddy::spawn(
        [](eddy::BufferedReader<EndlessStream>& from, eddy::CancelScope& within) -> eddy::Task<> {
            const auto piece =
                co_await eddy::with_scope(within, from.read_exactly(1000000, 1000000));
            CHECK(!piece);
        },
        std::ref(reader),
        std::ref(scope));
    for (int i = 0; i < 10; ++i) {
        co_await eddy::yield();
    }
    scope.cancel();
    co_await job;
    CHECK(stream.reads() < 1000);
    CHECK(reader.buffered() == stream.reads());  // nothing was lost
}
