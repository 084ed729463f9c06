// SPDX-License-Identifier: MIT
// Readers over streams whose reads call functions of the user's, go on in the outside world, or
// have timeouts: whatever such a function does to the job that waits, exactly one thing happens.
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/buffered_writer.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/then.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::BufferedReader;
using eddy::select;
using eddy::Task;
using eddy::TimedStream;

/// Tells of each read.
class ToldStream final {
public:
    explicit ToldStream(MemoryStream inner) : inner_(std::move(inner)) {}

    [[nodiscard]] auto read_some(std::span<std::byte> into) {
        const auto tell = [this](std::size_t length) {
            on_read(length);
            return length;
        };
        return eddy::then([&] { return inner_.read_some(into); }, tell);
    }

    std::function<void(std::size_t)> on_read = [](std::size_t) {};

private:
    MemoryStream inner_;
};

/// Its reads go on in the outside world, which says that they are undone when it is asked to.
class OutsideStream final {
public:
    [[nodiscard]] auto read_some(std::span<std::byte> into) {
        static_cast<void>(into);
        return eddy::from_callback<std::size_t>(
            [this](eddy::Completion<std::size_t> done) { pending_ = std::move(done); },
            [] { return eddy::Abort::done; });
    }

private:
    std::optional<eddy::Completion<std::size_t>> pending_;
};

Task<> read_line_within(eddy::CancelScope& scope, BufferedReader<ToldStream>& reader, bool& got) {
    const auto line = co_await eddy::with_scope(scope, reader.read_line());
    got = line.has_value();
}

/// Counts the writes of the stream inside.
class Counting final {
    template <class Make, class F>
    auto counted(Make make, F fn) {
        ++count_;
        return eddy::then(make, fn);
    }

public:
    Counting(MemoryStream& inner, std::size_t& count) : inner_(inner), count_(count) {}
    auto read_some(std::span<std::byte> into) { return inner_.read_some(into); }
    auto write_some(std::span<const std::byte> bytes) {
        return counted([this, bytes] { return inner_.write_some(bytes); },
                       [](std::size_t length) { return length; });
    }
    auto write_all(std::span<const std::byte> bytes) {
        return counted([this, bytes] { return inner_.write_all(bytes); }, [] {});
    }
    auto write_all(std::span<const std::span<const std::byte>> several) {
        return counted([this, several] { return inner_.write_all(several); }, [] {});
    }
    auto write_all(std::string_view text) { return write_all(std::as_bytes(std::span(text))); }
    auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }

private:
    MemoryStream& inner_;
    std::size_t& count_;
};

template <class Op>
Task<bool> times_out(Op op) {
    bool late = false;
    try {
        co_await op();
    } catch (const eddy::TimedOut&) {
        late = true;
    }
    co_return late;
}

}  // namespace

EDDY_TEST_CASE("a read that cancels its own scope when it is tried ends the reader, and keeps") {
    auto [far, near] = memory_stream_pair();
    ToldStream stream(std::move(near));
    BufferedReader reader(stream);
    eddy::CancelScope scope;
    stream.on_read = [&scope](std::size_t) { scope.cancel("enough"); };
    co_await far.write_all("abc");
    bool got = true;
    auto job = eddy::spawn(read_line_within, std::ref(scope), std::ref(reader), std::ref(got));
    co_await settle();
    CHECK(job.done());
    co_await job;
    CHECK(!got);
    CHECK(reader.buffered() == 3);
}

/// So much is there, and so much is wanted, in pieces that do not go through the buffer.
Task<> fill_from_told(std::size_t there, std::size_t wanted, bool expected) {
    auto [far, near] = memory_stream_pair();
    ToldStream stream(std::move(near));
    BufferedReader reader(stream);
    eddy::CancelScope scope;
    stream.on_read = [&scope](std::size_t) { scope.cancel("enough"); };
    co_await far.write_all(std::string(there, 'x'));
    std::vector<std::byte> into(wanted);
    auto job =
        eddy::spawn(eddy::with_scope(scope, [](auto& from, std::span<std::byte> bytes) -> Task<> {
            co_await from.read_exactly(bytes);
        }(reader, into)));
    co_await settle();
    CHECK(job.done());
    const bool whole = co_await job;
    CHECK(whole == expected);
    stream.on_read = [](std::size_t) {};
    co_await far.write_all("y\n");  // nobody is left who would take it
    const auto line = co_await reader.read_line();
    CHECK(line.has_value());
    if (line) {
        CHECK(line->size() == (expected ? 1 : there + 1));
    }
}

EDDY_TEST_CASE("a read that cancels its own scope when it is started is a read, or none") {
    co_await fill_from_told(8000, 8000, true);  // it was all: that came first
    co_await fill_from_told(8000, 9000, false);
}

EDDY_TEST_CASE("a select whose second start cancels it leaves nothing in the streams") {
    auto [far, near] = memory_stream_pair();
    auto [far2, near2] = memory_stream_pair();
    ToldStream first(std::move(near));
    ToldStream second(std::move(near2));
    BufferedReader one(first);
    BufferedReader other(second);
    eddy::CancelScope scope;
    first.on_read = [&scope](std::size_t) { scope.cancel("enough"); };
    bool pushed = false;
    second.on_read = [&pushed, &peer = far](std::size_t) {
        if (!std::exchange(pushed, true)) {
            CHECK(peer.write_all("y").try_now());
        }
    };
    co_await far2.write_all("x");
    auto job = eddy::spawn(eddy::with_scope(scope, [](auto& a, auto& b) -> Task<> {
        const auto got = co_await select(a.read_line(), b.read_line());
        CHECK(got.index() == 2);  // not reached
    }(one, other)));
    co_await settle();
    CHECK(job.done());
    const bool whole = co_await job;
    CHECK_FALSE(whole);
    first.on_read = [](std::size_t) {};
    co_await far.write_all("z\n");
    const auto line = co_await one.read_line();
    CHECK(line.has_value());
    if (line) {
        CHECK(*line == "yz");
    }
}

EDDY_TEST_CASE("a read's function that cancels the reader's own scope ends the reader, once") {
    auto [far, near] = memory_stream_pair();
    ToldStream stream(std::move(near));
    BufferedReader reader(stream);
    eddy::CancelScope scope;
    stream.on_read = [&scope](std::size_t) { scope.cancel("enough"); };
    bool got = true;
    auto job = eddy::spawn(read_line_within, std::ref(scope), std::ref(reader), std::ref(got));
    co_await settle();
    co_await far.write_all("abc");
    co_await job;
    CHECK(!got);
    CHECK(reader.buffered() == 3);
    stream.on_read = [](std::size_t) {};
    co_await far.write_all("d\n");
    const auto line = co_await reader.read_line();
    CHECK(line == "abcd");
}

EDDY_TEST_CASE("a read's function that cancels the reader's scope when the line is whole is late") {
    auto [far, near] = memory_stream_pair();
    ToldStream stream(std::move(near));
    BufferedReader reader(stream);
    eddy::CancelScope scope;
    stream.on_read = [&scope](std::size_t) { scope.cancel("enough"); };
    bool got = false;
    auto job = eddy::spawn(read_line_within, std::ref(scope), std::ref(reader), std::ref(got));
    co_await settle();
    co_await far.write_all("abc\n");
    co_await job;
    CHECK(got);
}

EDDY_TEST_CASE("what a read's function makes possible wins the select that the reader is in") {
    for (const bool waits : {false, true}) {
        CAPTURE(waits);
        auto [far, near] = memory_stream_pair();
        ToldStream stream(std::move(near));
        BufferedReader reader(stream);
        Gate seen;
        stream.on_read = [&seen](std::size_t) { seen.open(); };
        if (!waits) {
            co_await far.write_all("abc");
        } else {
            eddy::spawn([](MemoryStream& to) -> Task<> { co_await to.write_all("abc"); },
                        std::ref(far));
        }
        const auto got = co_await eddy::move_on_after(1s, select(seen.wait(), reader.read_line()));
        CHECK(got.has_value());
        CHECK((!got || got->index() == 0));
        CHECK(seen.waiters() == 0);
        CHECK(reader.buffered() == 3);
    }
}

EDDY_TEST_CASE("a reader over reads in the outside world is cancelled as they are") {
    OutsideStream stream;
    BufferedReader reader(stream);
    eddy::CancelScope scope;
    bool got = true;
    auto job = eddy::spawn(
        [](eddy::CancelScope& within, BufferedReader<OutsideStream>& from, bool& line) -> Task<> {
            const auto read = co_await eddy::with_scope(within, from.read_line());
            line = read.has_value();
        },
        std::ref(scope),
        std::ref(reader),
        std::ref(got));
    for (int i = 0; i < 4; ++i) {
        co_await eddy::yield();
    }
    scope.cancel();
    co_await job;
    CHECK(!got);
}

EDDY_TEST_CASE("every read of a reader over a timed stream times out as the stream's own") {
    auto [far, near] = memory_stream_pair();
    TimedStream<MemoryStream> stream(std::move(near), {.idle = 100ms});
    BufferedReader reader(stream);
    eddy::FrameReader frames(stream);
    std::array<std::byte, 4> four{};
    const bool line = co_await times_out([&] { return reader.read_line(); });
    CHECK(line);
    const bool piece = co_await times_out([&] { return reader.read_exactly(std::span(four)); });
    CHECK(piece);
    const bool some = co_await times_out([&] { return reader.read_some(four); });
    CHECK(some);
    const bool peeked = co_await times_out([&] { return reader.peek(); });
    CHECK(peeked);
    const bool readable = co_await times_out([&] { return reader.wait_readable(); });
    CHECK(readable);
    const bool frame = co_await times_out([&] { return frames.next(); });
    CHECK(frame);
    co_await far.write_all("still there\n");
    const auto rest = co_await reader.read_line();
    CHECK(rest == "still there");
}

EDDY_TEST_CASE("a timeout under a reader says so although somebody else's scope is cancelled") {
    auto [far, near] = memory_stream_pair();
    TimedStream<MemoryStream> stream(std::move(near), {.idle = 100ms});
    BufferedReader reader(stream);
    eddy::CancelScope other;
    auto cancels = eddy::spawn(
        [](eddy::CancelScope& scope) -> Task<> {
            const bool done = co_await eddy::with_scope(scope, eddy::sleep_for(100ms));
            static_cast<void>(done);
            scope.cancel();
        },
        std::ref(other));
    const bool late = co_await times_out([&] { return reader.read_line(); });
    CHECK(late);
    co_await cancels;
}

EDDY_TEST_CASE("a writer over a timed stream whose peer takes nothing fails with TimedOut") {
    auto [far, near] = memory_stream_pair({.capacity = 16});
    TimedStream<MemoryStream> stream(std::move(near), {.writing = {.bytes = 1, .per = 100ms}});
    eddy::BufferedWriter writer(stream);
    for (int i = 0; i < 2; ++i) {  // and the error stays
        const bool late = co_await times_out([&]() -> Task<> {
            co_await writer.write(std::string(1000, 'x'));
            co_await writer.flush();
        });
        CHECK(late);
    }
}

EDDY_TEST_CASE("a timed write of many small spans goes in large writes") {
    auto [far, near] = memory_stream_pair({.capacity = 1UL << 20U});
    std::size_t writes = 0;
    TimedStream<Counting> stream(Counting(near, writes), {.idle = 1s});
    const std::string piece(20, 'x');
    const std::vector<std::span<const std::byte>> pieces(2000, std::as_bytes(std::span(piece)));
    co_await stream.write_all(std::span(pieces));
    CHECK(writes <= 4);
    CHECK(far.readable() == 40'000);
    writes = 0;
    const std::string large(40'000, 'y');
    const std::array<std::span<const std::byte>, 3> mixed{std::as_bytes(std::span(piece)),
                                                          std::as_bytes(std::span(large)),
                                                          std::as_bytes(std::span(piece))};
    co_await stream.write_all(std::span<const std::span<const std::byte>>(mixed));
    CHECK(far.readable() == 80'040);
}
