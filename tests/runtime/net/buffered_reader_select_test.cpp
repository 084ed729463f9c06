// SPDX-License-Identifier: MIT
// Readers in a `select`: exactly one of its operations happens, and what the others have read is
// still to be read. (The waits one by one are in buffered_reader_matrix_test.cpp.)
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/error.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/then.hpp>
#include <eddy/with_scope.hpp>

#include "broken_contract.hpp"
#include "heap_hooks.hpp"
#include "net_kit.hpp"
#include "shortage.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::BufferedReader;
using eddy::FrameReader;
using eddy::select;
using eddy::sleep_for;
using eddy::Task;

using Reader = BufferedReader<MemoryStream>;

Task<> read_line_to(Reader& reader, std::string& line) {
    const auto got = co_await reader.read_line();
    line = got.value_or("the end");
}

void write_now(MemoryStream& to, std::string_view text) {
    auto write = to.write_all(text);
    CHECK(write.try_now());
    write.take();
}

std::string pattern(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>('a' + i * 7 % 26);
    }
    return text;
}

}  // namespace

// --- exactly one -------------------------------------------------------------------------------

EDDY_TEST_CASE("a line that loses a select keeps its beginning, and the next one has it all") {
    auto [from, to] = memory_stream_pair();
    Reader reader(to);
    co_await from.write_all("the begin");
    const auto lost = co_await select(reader.read_line(), sleep_for(1s));
    CHECK(lost.index() == 1);
    CHECK(reader.buffered() == 9);
    co_await from.write_all("ning\nmore");
    const auto got = co_await select(sleep_for(1s), reader.read_line());
    REQUIRE(got.index() == 1);
    CHECK(std::get<1>(got) == "the beginning");
    const auto more = co_await select(reader.read_exactly(4), sleep_for(1s));
    REQUIRE(more.index() == 0);
    CHECK(text_of(std::get<0>(more)) == "more");
    from.close();
    const auto end = co_await select(reader.read_line(), sleep_for(1s));
    REQUIRE(end.index() == 0);
    CHECK_FALSE(std::get<0>(end).has_value());
}

EDDY_TEST_CASE("bytes that came into the user's memory are unread again by a lost select") {
    for (const std::size_t came : {3U, 5'000U, 90'000U}) {
        CAPTURE(came);
        const std::string text = pattern(100'000);
        auto [from, to] = memory_stream_pair({.capacity = text.size()});
        Reader reader(to);
        write_now(from, std::string_view(text).substr(0, came));
        {
            std::vector<std::byte> memory(text.size());  // which is gone afterwards
            const auto lost =
                co_await select(reader.read_exactly(std::span<std::byte>(memory)), sleep_for(1s));
            CHECK(lost.index() == 1);
        }
        CHECK(reader.buffered() == came);
        co_await from.write_all(std::string_view(text).substr(came));
        std::vector<std::byte> all(text.size());
        const auto got =
            co_await select(sleep_for(1s), reader.read_exactly(std::span<std::byte>(all)));
        CHECK(got.index() == 1);
        CHECK(text_of(all) == text);
        CHECK(reader.buffered() == 0);
    }
}

EDDY_TEST_CASE("what came for a read in the moment in which another operation won is not lost") {
    for (const bool all : {false, true}) {
        CAPTURE(all);
        auto [from, to] = memory_stream_pair();
        Reader reader(to);
        Gate gate;
        std::array<std::byte, 8> memory{};
        eddy::call_later(1ms, [&f = from, &gate] {
            write_now(f, "12345678");
            gate.open();  // the read has its bytes, but has not looked
        });
        std::size_t winner = 9;
        if (all) {
            const auto got =
                co_await select(reader.read_exactly(std::span<std::byte>(memory)), gate.wait());
            winner = got.index();
        } else {
            const auto got = co_await select(reader.read_some(memory), gate.wait());
            winner = got.index();
        }
        CHECK(winner == 1);
        CHECK(reader.buffered() == 8);
        const auto again = co_await reader.read_exactly(8);
        CHECK(text_of(again) == "12345678");
    }
}

EDDY_TEST_CASE("a piece that is complete in the moment of a cancellation is given") {
    for (const bool selected : {false, true}) {
        CAPTURE(selected);
        auto [from, to] = memory_stream_pair();
        Reader reader(to);
        Gate gate;
        eddy::CancelScope scope;
        std::string line;
        auto job = eddy::spawn([&]() -> Task<> {
            if (selected) {
                const auto got =
                    co_await eddy::with_scope(scope, select(gate.wait(), reader.read_line()));
                line = got && got->index() == 1 ? std::string(*std::get<1>(*got)) : "cancelled";
            } else {
                const auto got = co_await eddy::with_scope(scope, reader.read_line());
                line = got ? std::string(**got) : "cancelled";
            }
        });
        co_await settle();
        write_now(from, "complete\n");
        scope.cancel();
        co_await job;
        CHECK(line == "complete");
        CHECK(gate.waiters() == 0);
    }
}

EDDY_TEST_CASE("a part that came in the moment of a cancellation is still to be read") {
    auto [from, to] = memory_stream_pair();
    Reader reader(to);
    eddy::CancelScope scope;
    bool completed = true;
    auto job = eddy::spawn([&]() -> Task<> {
        const auto got = co_await eddy::with_scope(scope, reader.read_line());
        completed = got.has_value();
    });
    co_await settle();
    write_now(from, "incomp");
    scope.cancel();
    co_await job;
    CHECK_FALSE(completed);
    co_await from.write_all("lete\n");
    const auto line = co_await reader.read_line();
    CHECK(line == "incomplete");
}

namespace {

/// What selects of all kinds of reads, each against a short sleep or against other reads of other
/// readers, make of a text that comes in random pieces.
Task<std::string> selected_at_random(std::string text, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto pick = [&random](std::size_t low, std::size_t high) {
        return std::uniform_int_distribution<std::size_t>(low, high)(random);
    };
    auto [writer, stream] = memory_stream_pair({.capacity = pick(1, 300), .seed = seed});
    auto [silent, other] = memory_stream_pair();
    auto feeding = eddy::spawn(
        [](MemoryStream to, std::string all, std::uint64_t feed_seed) -> Task<> {
            std::mt19937_64 dice(feed_seed);
            std::string_view rest = all;
            while (!rest.empty()) {
                const std::size_t length = std::min<std::size_t>(1 + dice() % 100, rest.size());
                co_await to.write_all(rest.substr(0, length));
                rest.remove_prefix(length);
                co_await sleep_for(std::chrono::milliseconds(dice() % 3));
            }
        },
        std::move(writer),
        text,
        seed);
    Reader reader(stream);
    Reader idle(other);
    std::string got;
    std::vector<std::byte> memory(5'000);
    while (got.size() < text.size()) {
        const auto patience = std::chrono::milliseconds(pick(0, 5));
        const std::size_t left = text.size() - got.size();
        const std::size_t count = std::min(pick(0, 400), left);
        switch (pick(0, 5)) {
            case 0: {
                const auto one =
                    co_await select(idle.read_line(), reader.read_line(), sleep_for(patience));
                if (one.index() == 1 && std::get<1>(one)) {
                    got += *std::get<1>(one);
                    got += got.size() < text.size() ? "\n" : "";
                }
                break;
            }
            case 1: {
                const auto one = co_await select(sleep_for(patience), reader.read_exactly(count));
                got += one.index() == 1 ? text_of(std::get<1>(one)) : "";
                break;
            }
            case 2: {
                const std::size_t much = std::min(pick(0, 5'000), left);
                const auto into = std::span(memory).first(much);
                const auto one = co_await select(reader.read_exactly(into), sleep_for(patience));
                got += one.index() == 0 ? text_of(into) : "";
                break;
            }
            case 3: {
                const auto one = co_await select(reader.peek(count), sleep_for(patience));
                if (one.index() == 0) {
                    const auto part = std::get<0>(one).first(std::min(count, pick(0, 400)));
                    reader.consume(part.size());
                    got += text_of(part);
                }
                break;
            }
            case 4: {
                const auto one =
                    co_await select(idle.peek(), reader.wait_readable(), sleep_for(patience));
                static_cast<void>(one);
                break;
            }
            default: {
                const auto into = std::span(memory).first(1 + count);
                const auto one = co_await select(reader.read_some(into), sleep_for(patience));
                got += one.index() == 0 ? text_of(into.first(std::get<0>(one))) : "";
            }
        }
    }
    co_await feeding;
    static_cast<void>(silent.is_open());
    co_return got;
}

}  // namespace

EDDY_TEST_CASE("random selects over readers lose and reorder nothing") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        std::mt19937_64 random(seed);
        std::string text;
        while (text.size() < 6'000) {
            text += std::string(random() % 120, static_cast<char>('a' + random() % 26)) + "\n";
        }
        const std::string got = co_await selected_at_random(text, seed);
        CHECK(got == text);
    }
}

EDDY_NET_TEST("readers of sockets are selected, and what comes for the loser is not lost") {
    auto [one, one_peer] = eddy::UnixStream::pair();
    auto [two, two_peer] = eddy::UnixStream::pair();
    BufferedReader lines(one);
    FrameReader frames(two);
    co_await one_peer.write_all("half a li");
    co_await two_peer.write_all(std::string_view("\0\0\0\2a", 5));
    const auto none = co_await select(lines.read_line(), frames.next(), settle());
    CHECK(none.index() == 2);
    co_await two_peer.write_all("b");
    const auto frame = co_await select(lines.read_line(), frames.next());
    REQUIRE(frame.index() == 1);
    CHECK(text_of(*std::get<1>(frame)) == "ab");
    co_await one_peer.write_all("ne\nrest");
    const auto line = co_await select(lines.read_line(), frames.next());
    REQUIRE(line.index() == 0);
    CHECK(std::get<0>(line) == "half a line");
    one_peer.close();
    std::array<std::byte, 4> four{};
    const auto rest = co_await select(frames.next(), lines.read_exactly(std::span(four)));
    CHECK(rest.index() == 1);
    CHECK(text_of(four) == "rest");
}

// --- one reader, several operations ------------------------------------------------------------

EDDY_TEST_CASE("of several operations of one reader in a select the first that can finish does") {
    auto [from, to] = memory_stream_pair();
    Reader reader(to);
    co_await from.write_all("abc");
    const auto first = co_await select(reader.read_line(), reader.read_exactly(3));
    REQUIRE(first.index() == 1);
    CHECK(text_of(std::get<1>(first)) == "abc");
}

EDDY_TEST_CASE("a reader is waited in once: a second operation in the same select is told") {
    auto [from, to] = memory_stream_pair();
    Reader reader(to);
    co_await from.write_all("ab");
    std::string text;
    try {
        static_cast<void>(co_await select(reader.read_line(), reader.read_exactly(3)));
    } catch (const eddy::BusyResource& error) {
        text = error.what();
    }
    CHECK(text.find("also of the same select") != std::string::npos);
    CHECK(reader.buffered() == 2);  // and nothing waits any more
    co_await from.write_all("\n");
    const auto line = co_await reader.read_line();
    CHECK(line == "ab");
}

EDDY_TEST_CASE("while one job reads, another is told, and so is consume") {
    auto [from, to] = memory_stream_pair();
    Reader reader(to);
    std::string line;
    auto job = eddy::spawn(read_line_to(reader, line));
    co_await settle();
    std::size_t refused = 0;
    std::array<std::byte, 4> four{};
    const auto count = [&refused](auto make) -> Task<> {
        try {
            static_cast<void>(co_await select(make(), sleep_for(1s)));
        } catch (const eddy::BusyResource&) {
            ++refused;
        }
    };
    co_await count([&] { return reader.read_line(); });
    co_await count([&] { return reader.peek(); });
    co_await count([&] { return reader.read_some(four); });
    co_await count([&] { return reader.read_exactly(std::span(four)); });
    co_await count([&] { return reader.wait_readable(); });
    CHECK(refused == 5);
    CHECK_THROWS_AS(reader.consume(0), eddy::BusyResource);
    co_await from.write_all("for the first\n");
    CHECK_THROWS_AS(reader.consume(0), eddy::BusyResource);  // it has it, and has not run
    co_await job;
    CHECK(line == "for the first");
    reader.consume(0);
}

namespace {

/// A stream whose bytes come when it is asked the second time, and moves nobody to look again.
class LateStream final {
public:
    class Read final : public eddy::Waiter {
    public:
        Read(LateStream& stream, std::span<std::byte> into) noexcept
            : stream_(stream), into_(into) {}
        [[nodiscard]] bool try_now() {
            if (++stream_.asked < 2 || stream_.text.empty()) {
                return false;
            }
            count_ = std::min(into_.size(), stream_.text.size());
            std::copy_n(std::as_bytes(std::span(stream_.text)).begin(), count_, into_.begin());
            stream_.text.remove_prefix(count_);
            return true;
        }
        void start() const noexcept { ++stream_.started; }
        [[nodiscard]] std::size_t take() const noexcept { return count_; }
        [[nodiscard]] const char* what() const noexcept override { return "LateStream"; }

    private:
        void unlink() noexcept override {}
        LateStream& stream_;
        std::span<std::byte> into_;
        std::size_t count_ = 0;
    };

    [[nodiscard]] Read read_some(std::span<std::byte> into) noexcept { return {*this, into}; }

    std::string_view text;
    int asked = 0;
    int started = 0;
};

}  // namespace

EDDY_TEST_CASE("an operation that is started looks at what another one of its select has read") {
    LateStream stream;
    stream.text = "a line\nand what another one wanted";
    BufferedReader<LateStream> reader(stream);
    const auto got = co_await select(reader.read_line(), reader.read_exactly(100));
    REQUIRE(got.index() == 0);
    CHECK(std::get<0>(got) == "a line");
    CHECK(stream.started == 0);

    LateStream more;
    more.text = "some";
    BufferedReader<LateStream> again(more);
    std::array<std::byte, 16> memory{};
    const auto some = co_await select(again.read_some(memory), again.read_exactly(100));
    REQUIRE(some.index() == 0);
    CHECK(std::get<0>(some) == 4);
    CHECK(more.started == 0);
}

// --- errors ------------------------------------------------------------------------------------

EDDY_TEST_CASE("what a reader throws while it waits in a select comes out of the select") {
    auto [from, to] = memory_stream_pair();
    Reader reader(to);
    eddy::call_later(1ms, [&f = from] { write_now(f, "too long for that"); });
    bool refused = false;
    try {
        static_cast<void>(co_await select(sleep_for(1h), reader.read_line(5)));
    } catch (const eddy::LimitExceeded&) {
        refused = true;
    }
    CHECK(refused);
    CHECK(reader.buffered() == 17);
    eddy::call_later(1ms, [&f = from] { f.close(); });
    std::string text;
    std::array<std::byte, 20> memory{};
    try {
        static_cast<void>(
            co_await select(sleep_for(1h), reader.read_exactly(std::span<std::byte>(memory))));
    } catch (const eddy::EndOfStream& error) {
        text = error.what();
    }
    CHECK(text == "the stream ended inside read_exactly, after 17 of 20 bytes");
    const auto rest = co_await reader.read_line();
    CHECK(rest == "too long for that");
}

EDDY_TEST_CASE("a stream that is closed or reset while a reader waits ends the wait") {
    for (const bool reset : {false, true}) {
        CAPTURE(reset);
        auto [from, to] = memory_stream_pair();
        Reader reader(to);
        eddy::call_later(1ms, [&f = from, &t = to, reset] { reset ? f.close_reset() : t.close(); });
        std::string how;
        try {
            static_cast<void>(co_await reader.peek());
        } catch (const eddy::ClosedResource&) {
            how = "closed";
        } catch (const eddy::BrokenResource&) {
            how = "broken";
        }
        CHECK(how == (reset ? "broken" : "closed"));
        reader.consume(0);  // nobody reads any more
    }
}

EDDY_ABORT_TEST_CASE("a reader that is destroyed while a job waits in it says so",
                     "a reader was destroyed while a job reads through it") {
    auto [from, to] = memory_stream_pair();
    std::optional<Reader> reader;
    reader.emplace(to);
    std::string line;
    auto job = eddy::spawn(read_line_to(*reader, line));
    co_await settle();
    reader.reset();
    co_await job;
}

// --- wrapped -----------------------------------------------------------------------------------

EDDY_TEST_CASE("a reader's operation is wrapped by then, and a reader reads through a reader") {
    auto [from, to] = memory_stream_pair({.capacity = 7, .seed = 3});
    Reader outer(to);
    auto feeding = eddy::spawn(
        [](MemoryStream stream) -> Task<> {
            co_await stream.write_all(std::string_view("one\n\0\0\0\3two", 11));
        },
        std::move(from));
    const auto length = [](const auto& line) { return line->size(); };
    const auto first =
        co_await select(eddy::then([&] { return outer.read_line(); }, length), sleep_for(1s));
    REQUIRE(first.index() == 0);
    CHECK(std::get<0>(first) == 3);
    FrameReader frames(outer);
    const auto frame = co_await select(frames.next(), sleep_for(1s));
    REQUIRE(frame.index() == 0);
    CHECK(text_of(*std::get<0>(frame)) == "two");
    co_await feeding;
}

namespace {

class TaskStream final {
public:
    explicit TaskStream(MemoryStream& stream) noexcept : stream_(stream) {}
    Task<std::size_t> read_some(std::span<std::byte> into) {
        co_return co_await stream_.read_some(into);
    }

private:
    MemoryStream& stream_;
};

template <class A>
constexpr bool is_operation = eddy::detail::WaitOperation<A>;

}  // namespace

static_assert(is_operation<decltype(std::declval<Reader&>().read_line())>);
static_assert(is_operation<decltype(std::declval<Reader&>().peek())>);
static_assert(eddy::detail::ReadsByOperation<Reader>);
static_assert(eddy::detail::WaitsReadable<Reader>);
static_assert(
    eddy::detail::is_task<decltype(std::declval<BufferedReader<TaskStream>&>().read_line())>);
static_assert(!eddy::detail::WaitsReadable<BufferedReader<TaskStream>>);

EDDY_TEST_CASE("a stream whose reads are tasks is read by tasks, which do the same") {
    auto [from, to] = memory_stream_pair({.capacity = 5, .seed = 1});
    TaskStream stream(to);
    BufferedReader<TaskStream> reader(stream);
    auto feeding = eddy::spawn(
        [](MemoryStream end) -> Task<> {
            co_await end.write_all("line\nuntil--exactlyintopeeksome");
        },
        std::move(from));
    const auto line = co_await reader.read_line();
    CHECK(line == "line");
    const auto until = co_await reader.read_until(std::string("--"));
    CHECK(text_of(*until) == "until");
    const auto exactly = co_await reader.read_exactly(7);
    CHECK(text_of(exactly) == "exactly");
    std::array<std::byte, 4> four{};
    co_await reader.read_exactly(std::span(four));
    CHECK(text_of(four) == "into");
    const auto peeked = co_await reader.peek(4);
    CHECK(text_of(peeked.first(4)) == "peek");
    reader.consume(4);
    std::string rest;
    while (rest.size() < 4) {
        const std::size_t length = co_await reader.read_some(four);
        rest += text_of(std::span(four).first(length));
    }
    CHECK(rest == "some");
    co_await feeding;
    const auto end = co_await reader.peek();
    CHECK(end.empty());
}

// --- cancelled, and short of memory ------------------------------------------------------------

namespace {

Task<> talk(std::string& got) {
    auto [from, to] = memory_stream_pair({.capacity = 3});
    Reader reader(to);
    auto feeding = eddy::spawn(
        [](MemoryStream& end) -> Task<> { co_await end.write_all("abc\r\ndef::ghijklmno"); },
        std::ref(from));
    const auto read = [](Reader& source, std::string& to_text) -> Task<> {
        std::array<std::byte, 3> three{};
        while (to_text.size() < 15) {
            if (to_text.size() < 3) {
                const auto one = co_await select(sleep_for(1h), source.read_line());
                to_text += *std::get<1>(one);
            } else if (to_text.size() < 6) {
                const auto one = co_await select(source.read_until("::"), sleep_for(1h));
                to_text += text_of(*std::get<0>(one));
            } else if (to_text.size() < 9) {
                co_await source.read_exactly(std::span(three));
                to_text += text_of(three);
            } else if (to_text.size() < 12) {
                const auto bytes = co_await source.peek(3);
                to_text += text_of(bytes.first(3));
                source.consume(3);
            } else {
                co_await source.wait_readable();
                const std::size_t some = co_await source.read_some(std::span(three).first(1));
                to_text += text_of(std::span(three).first(some));
            }
        }
    };
    const auto outcome = co_await eddy::detail::outcome_of(read(reader, got));
    co_await eddy::shield(read(reader, got));
    co_await feeding;
    if (outcome.error()) {
        std::rethrow_exception(outcome.error());
    }
}

}  // namespace

TEST_CASE("cancelled at any checkpoint, a reader in selects has lost nothing") {
    const auto count = cancel_at_each_checkpoint([]() -> Task<> {
        std::string got;
        try {
            co_await talk(got);
        } catch (...) {
            CHECK(got == "abcdefghijklmno");
            throw;
        }
        CHECK(got == "abcdefghijklmno");
    });
    CHECK(count > 8);
}

#if EDDY_HEAP_HOOKS

TEST_CASE("a shortage while readers wait, are selected and give bytes back") {
    survives_shortage_in_job([]() -> Task<> {
        auto [from, to] = memory_stream_pair({.capacity = 1'000});
        Reader reader(to);
        const std::string text = pattern(1'000);
        std::size_t read = 0;
        const auto feed = [&] { write_now(from, text); };
        std::vector<std::byte> memory(6'000);
        for (int i = 0; i < 3; ++i) {
            feed();
            const auto line = co_await select(reader.read_until("#"), sleep_for(1ms));
            CHECK(line.index() == 1);
            const auto all =
                co_await select(reader.read_exactly(std::span<std::byte>(memory)), sleep_for(1ms));
            CHECK(all.index() == 1);
        }
        const auto bytes = co_await reader.peek(3'000);  // which says so, if some were lost
        CHECK(bytes.size() == 3'000);
        for (; read < 3'000; read += 1'000) {
            const auto part = bytes.subspan(read, 1'000);
            CHECK(std::ranges::equal(part, std::as_bytes(std::span(text))));
        }
        reader.consume(3'000);
    });
}

#if EDDY_FRAME_POOL

EDDY_TEST_CASE_FIFO("a warm reader allocates nothing in selects, won or lost") {
    auto [from, to] = memory_stream_pair();
    Reader reader(to);
    std::array<std::byte, 12> memory{};
    std::size_t before = 0;
    for (int i = 0; i < 300; ++i) {
        co_await from.write_all("a line");
        const auto lost = co_await select(reader.read_line(), sleep_for(1ms));
        CHECK(lost.index() == 1);
        const auto some =
            co_await select(reader.read_exactly(std::span<std::byte>(memory)), sleep_for(1ms));
        CHECK(some.index() == 1);
        co_await from.write_all("\r\n");
        const auto line = co_await select(reader.read_line(), sleep_for(1ms));
        CHECK(line.index() == 0);
        const auto none = co_await select(reader.peek(), sleep_for(1ms));
        CHECK(none.index() == 1);
        if (i == 10) {
            before = heap_counters().allocations;
        }
    }
    CHECK(heap_counters().allocations == before);
}

#endif
#endif
