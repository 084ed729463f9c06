// SPDX-License-Identifier: MIT
// A wait of several steps at the end of a loop whose grace is over: a step that has just ended does
// not begin another one in the outside world, and leaves nothing behind.
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::Completion;
using eddy::Task;

/// Moves one byte at a time, when the outside world says so.
class Outside final {
    auto move_one() {
        return eddy::from_callback<std::size_t>(
            [this](Completion<std::size_t> done) { pending_ = std::move(done); });
    }
    static auto done() {
        return eddy::from_callback<void>([](Completion<void> done) { done.resolve(); });
    }

public:
    auto read_some(std::span<std::byte> into) {
        into.front() = std::byte{'x'};
        return move_one();
    }
    auto write_some(std::span<const std::byte> bytes) {
        static_cast<void>(bytes);
        return move_one();
    }
    auto write_all(std::span<const std::byte> bytes) {
        static_cast<void>(bytes);
        return done();
    }
    auto write_all(std::span<const std::span<const std::byte>> several) {
        static_cast<void>(several);
        return done();
    }
    auto write_all(std::string_view text) {
        static_cast<void>(text);
        return done();
    }
    auto shutdown() { return done(); }
    void close() noexcept {}

    void move() {
        if (auto now = std::exchange(pending_, std::nullopt)) {
            now->resolve(std::size_t{1});
        }
    }

private:
    std::optional<Completion<std::size_t>> pending_;
};

enum class End { none, closed, other };

Task<> reads(Outside& world, End& end) {
    eddy::BufferedReader reader(world);
    try {
        const auto line = co_await eddy::shield(reader.read_line(1UL << 30U));
        CHECK(!line.has_value());
        end = End::other;
    } catch (const eddy::LoopClosed&) {
        end = End::closed;
        reader.consume(0);  // nobody is in the way
    }
}

Task<> writes(Outside& world, End& end) {
    eddy::TimedStream<Outside&> stream(world, {.idle = 1h});
    const std::string text(1UL << 24U, 'x');
    try {
        co_await eddy::shield(stream.write_all(std::string_view(text)));
        end = End::other;
    } catch (const eddy::LoopClosed&) {
        end = End::closed;
        auto read = stream.write_some(std::span<const std::byte>());
        CHECK_THROWS_AS(static_cast<void>(read.try_now()), eddy::BrokenResource);  // not busy
    }
}

Task<> moves(Outside& world) {
    while (true) {
        world.move();
        co_await eddy::yield();
    }
}

void run_beyond_grace(Task<> (*body)(Outside&, End&)) {
    eddy::testing::VirtualClock clock;
    eddy::Loop loop({.clock = &clock});
    Outside world;
    End end = End::none;
    loop.run(
        [](Outside& outside, Task<> (*job)(Outside&, End&), End& how) -> Task<> {
            eddy::spawn(job, std::ref(outside), std::ref(how));
            eddy::spawn(eddy::shield(moves(outside)));
            co_await eddy::yield();
        }(world, body, end),
        {.grace = 1ms});
    CHECK(end == End::closed);
}

}  // namespace

TEST_CASE("a reader whose read has just ended when the loop cuts it off reads no more") {
    run_beyond_grace(&reads);
}

TEST_CASE("a timed write whose part has just ended when the loop cuts it off writes no more") {
    run_beyond_grace(&writes);
}
