// SPDX-License-Identifier: MIT
// A large write of a timed stream goes out in parts: nothing holds the loop, nothing comes between
// two of them, and exactly one thing happens in a select.
#include <algorithm>
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

#include <eddy/call_later.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/net/any_stream.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/then.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "../test_kit.hpp"
#include "plain_stream.hpp"
#include "told_writes.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing::stream_contract;
using eddy::select;
using eddy::Task;
using eddy::TimedStream;
using eddy::testing::Gate;
using eddy::testing::let_run;
using eddy::testing::Look;
using eddy::testing::memory_stream_pair;
using eddy::testing::MemoryStream;
using eddy::testing::settle;
using eddy::testing::TaskStream;
using eddy::testing::ToldWrites;
using Bytes = std::span<const std::byte>;

/// Writes a hundred bytes at once, whoever reads.
class GreedyStream final {
public:
    class Write final : public eddy::Waiter {
    public:
        explicit Write(std::size_t size) noexcept : size_(size) {}
        [[nodiscard]] bool try_now() const noexcept { return true; }
        void start() const noexcept {}
        std::size_t take() const noexcept { return size_; }
        [[nodiscard]] const char* what() const noexcept override { return "GreedyStream"; }

    private:
        void unlink() noexcept override {}
        std::size_t size_;
    };
    static auto all() {
        return eddy::then([] { return Write(0); }, [](std::size_t) {});
    }

    auto read_some(std::span<std::byte>) { return Write(1); }
    auto write_some(Bytes bytes) { return Write(std::min<std::size_t>(bytes.size(), 100)); }
    auto write_all(Bytes) { return all(); }
    auto write_all(std::span<const Bytes>) { return all(); }
    auto write_all(std::string_view) { return all(); }
    auto shutdown() { return all(); }
    void close() {}
};

/// Its writes go on in the outside world, which can only be asked to end them.
struct OutsideWrites {
    std::optional<eddy::Completion<std::size_t>> pending;
    auto op() {
        return eddy::from_callback<std::size_t>(
            [this](eddy::Completion<std::size_t> done) { pending = std::move(done); },
            [] { return eddy::Abort::requested; });
    }
    auto all() {
        return eddy::then([this] { return op(); }, [](std::size_t) {});
    }
    auto read_some(std::span<std::byte>) { return op(); }
    auto write_some(Bytes) { return op(); }
    auto write_all(Bytes) { return all(); }
    auto write_all(std::span<const Bytes>) { return all(); }
    auto write_all(std::string_view) { return all(); }
    auto shutdown() { return all(); }
    void close() {}
};

Task<> drains(MemoryStream& from, std::size_t length) {
    const std::string text = co_await read_text(from, length);
    CHECK(text.size() == length);
}

/// The same, but what it gathers is written when that starts.
struct InlineGroups : OutsideWrites {
    std::function<void()> on_piece = [] {};
    static auto at_once() {
        return eddy::from_callback<void>([](eddy::Completion<void> done) { done.resolve(); },
                                         [] { return eddy::Abort::requested; });
    }
    auto write_some(Bytes) {
        return eddy::then([this] { return op(); },
                          [this](std::size_t length) { return on_piece(), length; });
    }
    auto write_all(Bytes) { return at_once(); }
    auto write_all(std::span<const Bytes>) { return at_once(); }
    auto write_all(std::string_view) { return at_once(); }
};

}  // namespace

EDDY_TEST_CASE("a large timed write does not hold the loop, however fast it goes") {
    TimedStream<GreedyStream> stream(GreedyStream(), {.idle = 1h});
    auto writing = eddy::spawn([](auto& to) -> Task<> {
        co_await to.write_all(std::string(100'000, 'x'));  // in a thousand parts
    }(stream));
    int turns = 0;
    while (!writing.done()) {
        co_await eddy::yield();
        ++turns;
    }
    CHECK(turns >= 10);
    co_await writing;
    co_await stream.write_all("and it is whole");
}

EDDY_TEST_CASE("a large timed write that is given up between two parts is torn, and says so") {
    auto [a, b] = memory_stream_pair({.capacity = 1000});
    TimedStream stream(std::move(a), {.idle = 1h});
    const std::string large(20'000, 'x');
    std::array<std::byte, 1000> buffer{};
    Gate gate;
    eddy::call_later(1ms, [&, &peer = b] {
        CHECK(peer.read_some(buffer).try_now());  // a part has gone, and it has not looked
        gate.open();
    });
    const auto got = co_await select(gate.wait(), stream.write_all(std::string_view(large)));
    CHECK(got.index() == 0);
    const Ending late = co_await writes(stream, 1);
    CHECK(late == Ending::broken);
}

EDDY_TEST_CASE("a timed write that happens before another operation of its select wins") {
    auto [near, far] = memory_stream_pair({.capacity = 10});
    TimedStream stream(std::move(near), {.idle = 1h});
    co_await stream.write_all("0123456789");
    Gate gate;
    auto job = eddy::spawn([](Gate& its, auto& to) -> Task<std::size_t> {
        const auto got = co_await select(its.wait(), to.write_all("hello"));
        co_return got.index();
    }(gate, stream));
    co_await settle();
    std::array<std::byte, 10> buffer{};
    CHECK(far.read_some(buffer).try_now());  // it goes out now,
    gate.open();                             // and then this
    const std::size_t winner = co_await job;
    CHECK(winner == 1);
    const std::string text = co_await read_text(far, 5);
    CHECK(text == "hello");
}

EDDY_TEST_CASE("a large timed write that lost its select with its last part is not sent again") {
    auto [near, far] = memory_stream_pair({.capacity = 20'000});
    TimedStream stream(std::move(near), {.idle = 1h});
    co_await stream.write_all(std::string(15'000, 'x'));
    Gate gate;
    auto job = eddy::spawn([](Gate& its, auto& to) -> Task<std::size_t> {
        const std::string large(17'000, 'y');
        const auto got = co_await select(its.wait(), to.write_all(std::string_view(large)));
        co_return got.index();
    }(gate, stream));
    co_await settle();
    std::vector<std::byte> buffer(15'000);
    CHECK(far.read_some(buffer).try_now());
    gate.open();
    const std::size_t winner = co_await job;
    CHECK(winner == 0);
    const Ending late = co_await writes(stream, 1);
    CHECK(late == Ending::broken);
}

EDDY_TEST_CASE("a small timed write in flight that lost its select is not sent again either") {
    OutsideWrites world;
    TimedStream<OutsideWrites&> stream(world, {.idle = 1h});
    Gate gate;
    auto job = eddy::spawn([](Gate& its, auto& to) -> Task<std::size_t> {
        const auto got = co_await select(its.wait(), to.write_all("small"));
        co_return got.index();
    }(gate, stream));
    co_await let_run();
    gate.open();
    co_await let_run();
    CHECK_FALSE(job.done());
    world.pending->resolve(std::size_t{5});
    const std::size_t winner = co_await job;
    CHECK(winner == 0);
    const Ending late = co_await writes(stream, 1);
    CHECK(late == Ending::broken);
}

EDDY_TEST_CASE("a small timed write that is told late does not make another's half a whole") {
    auto [near, far] = memory_stream_pair({.capacity = 1000});
    TimedStream stream(std::move(near), {.idle = 1h});
    co_await stream.write_all(std::string(1000, 'x'));
    auto small = eddy::spawn(writes(stream, 5));
    co_await settle();
    std::array<std::byte, 1000> buffer{};
    CHECK(far.read_some(buffer).try_now());  // the small one goes out, and its job is ready
    const std::string large(20'000, 'y');
    const bool whole =
        co_await eddy::move_on_after(1s, [](auto& to, std::string_view text) -> Task<> {
            co_await to.write_all(text);
        }(stream, large));
    CHECK_FALSE(whole);
    const Ending first = co_await small;
    CHECK(first == Ending::value);
    const Ending late = co_await writes(stream, 1);
    CHECK(late == Ending::broken);
}

EDDY_TEST_CASE("a timed write whose part cancels it, and whose last part is at once, ends once") {
    InlineGroups world;
    TimedStream<InlineGroups&> stream(world, {.idle = 1h});
    eddy::CancelScope scope;
    const std::string large(21'000, 'x');
    const std::array<Bytes, 3> parts{std::as_bytes(std::span(large)),
                                     std::as_bytes(std::span(large)).first(750),
                                     std::as_bytes(std::span(large)).first(750)};
    auto job =
        eddy::spawn(eddy::with_scope(scope, [](auto& to, std::span<const Bytes> its) -> Task<> {
            co_await to.write_all(its);
        }(stream, parts)));
    co_await let_run();
    world.on_piece = [&scope] { scope.cancel("by what it writes with"); };
    world.pending->resolve(std::size_t{21'000});
    const bool whole = co_await job;
    CHECK_FALSE(whole);
    const Ending late = co_await writes(stream, 1);
    CHECK(late == Ending::broken);
}

EDDY_TEST_CASE("what a part of a timed write makes possible is seen by its select") {
    for (const bool wrapped : {false, true}) {
        auto [near, far] = memory_stream_pair({.capacity = 30'000});
        ToldWrites told(std::move(near));
        TimedStream<ToldWrites&> stream(told, {.idle = 1h});
        bool there = false;
        told.on_write = [&there] { there = true; };
        const auto is_there = [&there] { return Look(there); };
        const std::string large(200'000, 'x');
        std::size_t winner = 2;
        if (wrapped) {
            eddy::AnyStream any{TimedStream<ToldWrites&>(told, {.idle = 1h})};
            const auto got = co_await select(is_there(), any.write_all(std::string_view(large)));
            winner = got.index();
        } else {
            const auto got = co_await select(is_there(), stream.write_all(std::string_view(large)));
            winner = got.index();
        }
        CHECK(winner == 0);
    }
}

EDDY_TEST_CASE("a part in flight that turns out to be the last one is the whole") {
    OutsideWrites world;
    TimedStream<OutsideWrites&> stream(world, {.idle = 1h});
    eddy::CancelScope scope;
    auto job = eddy::spawn(eddy::with_scope(scope, [](auto& to) -> Task<> {
        co_await to.write_all(std::string(20'000, 'x'));
    }(stream)));
    co_await let_run();  // nothing settles while that is under way
    scope.cancel();
    co_await let_run();
    world.pending->resolve(std::size_t{20'000});
    const bool whole = co_await job;
    CHECK(whole);
    auto next = stream.write_some(std::as_bytes(std::span("x", 1)));
    CHECK_FALSE(next.try_now());  // it is not refused
}

EDDY_TEST_CASE("a large write of which nothing has gone out yet leaves its stream whole") {
    auto [near, far] = memory_stream_pair({.capacity = 10});
    co_await near.write_all("0123456789");
    TimedStream<TaskStream> stream(TaskStream(std::move(near)), {.idle = 1h});
    const std::string large(20'000, 'x');
    const std::array<Bytes, 3> parts{Bytes(), Bytes(), std::as_bytes(std::span(large))};
    const bool written =
        co_await eddy::move_on_after(1s, [](auto& to, std::span<const Bytes> its) -> Task<> {
            co_await to.write_all(its);
        }(stream, parts));
    CHECK_FALSE(written);
    co_await drains(far, 10);
    co_await stream.write_all("ok");
    const std::string text = co_await read_text(far, 2);
    CHECK(text == "ok");
}

EDDY_TEST_CASE("nothing comes between two parts of a large timed write") {
    auto [a, b] = memory_stream_pair({.capacity = 1000});
    TimedStream stream(std::move(a), {.idle = 1h});
    auto writing = eddy::spawn(writes(stream, 20'000));
    co_await settle();
    std::array<std::byte, 1000> buffer{};
    CHECK(b.read_some(buffer).try_now());
    const Ending ends = co_await ending([&] { return stream.shutdown(); });
    CHECK(ends == Ending::busy);
    const Ending second = co_await writes(stream, 1);
    CHECK(second == Ending::busy);
    auto reading = eddy::spawn(read_text(b, 19'001));
    const Ending whole = co_await writing;
    CHECK(whole == Ending::value);
    co_await stream.write_all("!");
    const std::string rest = co_await reading;
    CHECK(rest == std::string(19'000, 'x') + "!");
}

EDDY_TEST_CASE("a timed stream that was closed between two parts does not close another one") {
    auto [a, b] = memory_stream_pair({.capacity = 1000});
    auto [c, d] = memory_stream_pair();
    MemoryStream inner = std::move(a);
    auto stream =
        std::make_optional<TimedStream<MemoryStream&>>(inner, eddy::StreamTimeouts{.idle = 1h});
    auto writing = eddy::spawn(writes(*stream, 20'000));
    co_await settle();
    std::array<std::byte, 1000> buffer{};
    CHECK(b.read_some(buffer).try_now());  // a part has gone
    stream->close();
    const Ending how = co_await writing;
    CHECK(how == Ending::closed);
    inner = std::move(c);
    stream.reset();
    co_await inner.write_all("another one");
    const std::string got = co_await read_text(d, 11);
    CHECK(got == "another one");
    const Ending torn = co_await reads(b);
    CHECK(torn == Ending::broken);
}

EDDY_TEST_CASE("a timed write is done again when it is awaited again") {
    auto [a, b] = memory_stream_pair();
    TimedStream stream(std::move(a), {.idle = 1h});
    const std::string large(20'000, 'x');
    auto write = stream.write_all(std::string_view(large));
    co_await write;
    co_await write;
    const std::string got = co_await read_text(b, 40'000);
    CHECK(got == large + large);
}
