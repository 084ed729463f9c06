// SPDX-License-Identifier: MIT
#include <eddy/net/timed_stream.hpp>

#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/loop.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/run.hpp>
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
#include "plain_stream.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::StreamTimeouts;
using eddy::Task;
using eddy::TimedStream;
using eddy::testing::memory_stream_pair;
using eddy::testing::MemoryStream;
using eddy::testing::settle;
using eddy::testing::stream_contract::Ending;
using eddy::testing::stream_contract::read_text;
using eddy::testing::stream_contract::reads;
using eddy::testing::stream_contract::writes;
using Timed = TimedStream<MemoryStream>;

static_assert(eddy::Stream<Timed>);
static_assert(eddy::Stream<TimedStream<MemoryStream&>>);

/// Patient, or with deadlines that never come: a stream like any other.
struct TimedPair {
    static constexpr std::size_t plenty = 1UL << 20U;
    static constexpr bool resets = true;
    static Task<std::pair<Timed, MemoryStream>> make() {
        auto [a, b] = memory_stream_pair();
        co_return std::pair(Timed(std::move(a), {.idle = 1h, .reading = {.bytes = 1, .per = 1h}}),
                            std::move(b));
    }
};

/// Milliseconds until `work` timed out, or ended in another way (negative).
Task<long> patience(Task<> work) {
    const eddy::TimePoint begun = eddy::now();
    long sign = -1;
    try {
        co_await std::move(work);
    } catch (const eddy::TimedOut&) {
        sign = 1;
    }
    co_return sign* std::chrono::duration_cast<std::chrono::milliseconds>(eddy::now() - begun)
        .count();
}

Task<> drain(Timed& stream) {
    std::array<std::byte, 64> buffer{};
    std::size_t length = 1;
    while (length != 0) {
        length = co_await stream.read_some(buffer);
    }
}

/// Sends `size` bytes every `pause`, so many times, and then closes.
Task<> dribble(MemoryStream stream, std::size_t size, eddy::Duration pause, int times) {
    const std::string text(size, 'x');
    for (int i = 0; i < times; ++i) {
        co_await eddy::sleep_for(pause);
        co_await stream.write_all(text);
    }
}

Task<> write_plenty(Timed& stream, std::size_t size) {
    co_await stream.write_all(std::string(size, 'x'));
}

Task<> read_slowly(MemoryStream& stream, std::size_t size, eddy::Duration pause, int times) {
    std::vector<std::byte> buffer(size);
    for (int i = 0; i < times; ++i) {
        co_await eddy::sleep_for(pause);
        co_await stream.read_some(buffer);
    }
}

/// Counts what it is asked to write. `Inner` has operations, or tasks.
template <class Inner>
class CountingStream final {
public:
    CountingStream(MemoryStream inner, int& writes) : inner_(std::move(inner)), writes_(&writes) {}

    auto read_some(std::span<std::byte> into) { return inner_.read_some(into); }
    auto write_some(std::span<const std::byte> bytes) {
        ++*writes_;
        return inner_.write_some(bytes);
    }
    auto write_all(std::span<const std::byte> bytes) {
        ++*writes_;
        return inner_.write_all(bytes);
    }
    auto write_all(std::span<const std::span<const std::byte>> several) {
        ++*writes_;
        return inner_.write_all(several);
    }
    auto write_all(std::string_view text) {
        ++*writes_;
        return inner_.write_all(text);
    }
    auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }

private:
    Inner inner_;
    int* writes_;
};

/// A large write of many small pieces takes as many writes as it is times 16 KiB.
template <class Inner>
Task<> gathers_small_pieces() {
    auto [a, b] = memory_stream_pair({.capacity = 1UL << 20U});
    int count = 0;
    TimedStream stream(CountingStream<Inner>(std::move(a), count), {.idle = 1h});
    const std::string piece(1000, 'p');
    const std::string large(20'000, 'l');
    std::vector<std::span<const std::byte>> pieces(40, std::as_bytes(std::span(piece)));
    pieces[20] = std::as_bytes(std::span(large));
    pieces[21] = {};
    co_await stream.write_all(std::span<const std::span<const std::byte>>(pieces));
    CHECK(count == 2 + 1 + 2);  // 16 and 4 before the large one, 16 and 2 after it
    const std::string all = co_await read_text(b, 58'000);
    CHECK(all == std::string(20'000, 'p') + large + std::string(18'000, 'p'));
    co_await stream.write_all("it is whole");
}

}  // namespace

EDDY_STREAM_CONTRACT("a timed stream", TimedPair)

EDDY_TEST_CASE("small pieces of a large write go out together") {
    co_await gathers_small_pieces<MemoryStream>();
    co_await gathers_small_pieces<eddy::testing::TaskStream>();
}

EDDY_TEST_CASE("a read that gets nothing times out after the idle time, and can be tried again") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 100ms});
    const long first = co_await patience(drain(stream));
    CHECK(first == 100);
    auto feeding = eddy::spawn(dribble(std::move(b), 1, 60ms, 3));
    const long alive = co_await patience(drain(stream));
    CHECK(alive == -180);  // to the end: no pause was long enough
    co_await feeding;
}

EDDY_TEST_CASE("time between the operations is not idle time") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 100ms});
    for (int i = 0; i < 3; ++i) {
        co_await eddy::sleep_for(1s);
        co_await b.write_all("x");
        std::array<std::byte, 8> buffer{};
        co_await stream.read_some(buffer);
    }
    const long wait = co_await patience(drain(stream));
    CHECK(wait == 100);
}

EDDY_TEST_CASE("a connection that only sends is not idle, and then its reader is") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 100ms});
    auto reading = eddy::spawn(patience(drain(stream)));
    for (int i = 0; i < 5; ++i) {
        co_await eddy::sleep_for(60ms);
        co_await stream.write_all("news");
    }
    const long wait = co_await reading;
    CHECK(wait == 400);
}

EDDY_TEST_CASE("a byte now and then defeats the idle timeout, not the least progress") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 100ms, .reading = {.bytes = 10, .per = 500ms}});
    auto slow = eddy::spawn(dribble(std::move(b), 1, 90ms, 50));
    const long wait = co_await patience(drain(stream));
    CHECK(wait == 500);
    slow.cancel();
    co_await slow.wait();
}

EDDY_TEST_CASE("whoever keeps up with the least progress may take as long as it likes") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.reading = {.bytes = 10, .per = 500ms}});
    auto feeding = eddy::spawn(dribble(std::move(b), 2, 90ms, 50));  // 10 bytes in 450 ms
    const long wait = co_await patience(drain(stream));
    CHECK(wait == -4500);
    co_await feeding;
}

EDDY_TEST_CASE("only waiting counts for the progress, and it adds up over operations") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.reading = {.bytes = 100, .per = 500ms}});
    std::array<std::byte, 8> buffer{};
    auto feeding = eddy::spawn(dribble(std::move(b), 1, 1s, 50));
    for (int i = 0; i < 2; ++i) {
        co_await eddy::sleep_for(800ms);    // of its own
        co_await stream.read_some(buffer);  // 200 ms
    }
    const long wait = co_await patience(drain(stream));
    CHECK(wait == 100);
    feeding.cancel();
    co_await feeding.wait();
}

EDDY_TEST_CASE("a peer that reads too slowly is noticed, and one that says nothing is not") {
    auto [a, b] = memory_stream_pair({.capacity = 100});
    TimedStream stream(std::move(a), {.writing = {.bytes = 1000, .per = 5s}});
    auto silent = eddy::spawn(patience(drain(stream)));
    auto reading = eddy::spawn(read_slowly(b, 100, 1s, 1000));
    co_await eddy::sleep_for(1h);
    const long wait = co_await patience(write_plenty(stream, 40'000));
    CHECK(wait >= 5000);
    CHECK(wait < 7000);
    CHECK_FALSE(silent.done());
    reading.cancel();
    silent.cancel();
    co_await reading.wait();
    co_await silent.wait();
}

EDDY_TEST_CASE("a large write may take long while its reader reads, and times out when it stops") {
    auto [a, b] = memory_stream_pair({.capacity = 1000});
    TimedStream stream(std::move(a), {.idle = 100ms});
    auto reading = eddy::spawn(read_slowly(b, 1000, 90ms, 20));
    const long wait = co_await patience(write_plenty(stream, 40'000));
    CHECK(wait == 20 * 90 + 100);
    co_await reading;
    const Ending later = co_await writes(stream, 1);
    CHECK(later == Ending::broken);
    const Ending end =
        co_await eddy::testing::stream_contract::ending([&] { return stream.shutdown(); });
    CHECK(end == Ending::broken);
    stream.close();
    Ending last = Ending::value;
    while (last == Ending::value) {
        last = co_await reads(b);
    }
    CHECK(last == Ending::broken);  // half is never taken for the whole
}

EDDY_TEST_CASE("half a write is not passed off as a whole by the stream it went through") {
    auto [a, b] = memory_stream_pair({.capacity = 1000});
    {
        TimedStream<MemoryStream&> stream(a, {.idle = 100ms});
        const Ending half = co_await writes(stream, 40'000);
        CHECK(half == Ending::other);  // timed out
    }
    a.close();
    Ending last = Ending::value;
    while (last == Ending::value) {
        last = co_await reads(b);
    }
    CHECK(last == Ending::broken);
}

EDDY_TEST_CASE("several large pieces are written in order, and none of them is forgotten") {
    auto [a, b] = memory_stream_pair({.capacity = 3000});
    Timed stream(std::move(a), {.idle = 1h});
    const std::vector<std::string> texts = {
        std::string(40'000, 'a'), "", std::string(30'000, 'b'), "c"};
    auto reader = eddy::spawn(
        [](MemoryStream& from, std::size_t size) -> Task<std::string> {
            std::string all;
            std::array<std::byte, 1024> buffer{};
            while (all.size() < size) {
                const std::size_t count = co_await from.read_some(buffer);
                all.append(reinterpret_cast<const char*>(buffer.data()), count);
            }
            co_return all;
        },
        std::ref(b),
        std::size_t{70'001});
    std::vector<std::span<const std::byte>> pieces;
    for (const std::string& text : texts) {
        pieces.push_back(std::as_bytes(std::span(text)));
    }
    co_await stream.write_all(std::span<const std::span<const std::byte>>(pieces));
    const std::string all = co_await reader;
    CHECK(all == texts[0] + texts[2] + texts[3]);
    co_await stream.write_all("it is whole");  // and not torn
}

EDDY_TEST_CASE("a timed stream passes a reset on, and says when it was moved from") {
    auto [a, b] = memory_stream_pair();
    Timed stream(std::move(a), {.idle = 1h});
    Timed owner(std::move(stream));
    // NOLINTNEXTLINE(bugprone-use-after-move): that is the point.
    CHECK_THROWS_AS(stream.close(), eddy::InvalidState);
    owner.close_reset();
    const Ending end = co_await reads(b);
    CHECK(end == Ending::broken);
}

EDDY_TEST_CASE("after a timeout for want of progress there is all the time again") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.reading = {.bytes = 10, .per = 500ms}});
    for (int i = 0; i < 2; ++i) {
        const long wait = co_await patience(drain(stream));
        CHECK(wait == 500);
    }
}

EDDY_TEST_CASE("the timeouts can be changed, also while an operation waits") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 1h});
    auto reading = eddy::spawn(patience(drain(stream)));
    co_await eddy::sleep_for(300ms);
    stream.set_timeouts({.idle = 1s});
    const long wait = co_await reading;
    CHECK(wait == 1300);  // its patience begins anew
    stream.set_timeouts({});
    const auto never = co_await eddy::move_on_after(24h, drain(stream));
    CHECK_FALSE(never);
    CHECK_THROWS_AS(stream.set_timeouts({.idle = 0s}), std::invalid_argument);
    CHECK_THROWS_AS(Timed(std::move(b), {.writing = {.bytes = 1, .per = -1s}}),
                    std::invalid_argument);
}

EDDY_TEST_CASE("what was waited before new timeouts does not count for them") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 1h});
    const bool done = co_await eddy::move_on_after(30s, drain(stream));
    CHECK_FALSE(done);
    stream.set_timeouts({.reading = {.bytes = 1024, .per = 5s}});
    const long wait = co_await patience(drain(stream));
    CHECK(wait == 5000);
}

EDDY_TEST_CASE("a cancellation from outside is no timeout") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 1s});
    const bool done = co_await eddy::move_on_after(500ms, drain(stream));
    CHECK_FALSE(done);
    eddy::CancelScope scope;
    auto reading = eddy::spawn(with_scope(scope, patience(drain(stream))));
    co_await settle();
    scope.cancel();
    const auto none = co_await reading;
    CHECK_FALSE(none.has_value());
}

EDDY_TEST_CASE("a thousand messages keep one deadline, and it is not moved with each") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 1h});
    const std::size_t before = eddy::Loop::current().statistics().deadlines;
    std::array<std::byte, 8> buffer{};
    for (int i = 0; i < 1000; ++i) {
        co_await stream.write_all("ping");
        co_await b.read_some(buffer);
    }
    CHECK(eddy::Loop::current().statistics().deadlines == before + 1);
}

EDDY_TEST_CASE("a reader of lines under timeouts loses nothing when one strikes") {
    auto [a, b] = memory_stream_pair();
    TimedStream<MemoryStream&> stream(a, {.idle = 100ms});
    eddy::BufferedReader reader(stream);
    co_await b.write_all("half a ");
    const long wait =
        co_await patience([](auto& from) -> Task<> { co_await from.read_line(); }(reader));
    CHECK(wait == 100);
    co_await b.write_all("line\n");
    const auto line = co_await reader.read_line();
    CHECK(line == "half a line");
}

TEST_CASE("timed operations survive a cancellation at every checkpoint") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        auto [a, b] = memory_stream_pair({.capacity = 5000});
        co_await eddy::with_task_group([&a, &b](eddy::TaskGroup& group) -> Task<> {
            TimedStream stream(std::move(a), {.idle = 10s, .writing = {.bytes = 1, .per = 10s}});
            group.spawn(read_slowly(b, 5000, 1s, 4));
            co_await write_plenty(stream, 20'000);
        });
    });
    CHECK(count > 6);
}

TEST_CASE("a timed stream may outlive its loop") {
    std::optional<Timed> stream;
    eddy::testing::VirtualClock clock;
    eddy::Loop loop({.clock = &clock});
    loop.run([](std::optional<Timed>& kept) -> Task<> {
        auto [a, b] = memory_stream_pair();
        kept.emplace(std::move(a), StreamTimeouts{.idle = 1h});
        const bool done = co_await eddy::move_on_after(1s, drain(*kept));
        CHECK_FALSE(done);
    }(stream));
    CHECK(loop.statistics().deadlines == 0);
    stream.reset();
}

TEST_CASE("a timed stream whose loop is over says so") {
    std::optional<Timed> stream;
    auto [a, b] = memory_stream_pair();
    eddy::run([](std::optional<Timed>& kept, MemoryStream inner) -> Task<> {
        kept.emplace(std::move(inner), StreamTimeouts{.idle = 1h});
        co_return;
    }(stream, std::move(a)));
    CHECK_THROWS_AS(eddy::run(drain(*stream)), eddy::LoopClosed);
}

#if EDDY_HEAP_HOOKS && EDDY_FRAME_POOL

EDDY_TEST_CASE_FIFO("a warm timed stream allocates nothing per message") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 1h, .reading = {.bytes = 1, .per = 1h}});
    std::array<std::byte, 8> buffer{};
    std::size_t before = 0;
    for (int i = 0; i < 1000; ++i) {
        co_await stream.write_all("ping");
        co_await b.read_some(buffer);
        co_await b.write_all("pong");
        co_await stream.read_some(buffer);
        if (i == 10) {
            before = eddy::testing::heap_counters().allocations;
        }
    }
    CHECK(eddy::testing::heap_counters().allocations == before);
}

#endif
