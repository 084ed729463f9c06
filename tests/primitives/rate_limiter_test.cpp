// SPDX-License-Identifier: MIT
#include <eddy/rate_limiter.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "heap_hooks.hpp"

using namespace std::chrono_literals;

namespace {

using eddy::Duration;
using eddy::RateLimiter;
using eddy::Task;
using eddy::testing::settle;

using Times = std::vector<Duration>;

Duration elapsed() { return eddy::now().time_since_epoch(); }

Task<> acquire(RateLimiter& limiter, std::int64_t tokens, Times& times) {
    co_await limiter.acquire(tokens);
    times.push_back(elapsed());
}

/// Empty at first: the next token comes when the clock is moved.
class RateFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit RateFixture(eddy::testing::VirtualClock& clock) : clock_(clock) {}
    Task<> prepare() {
        const bool taken = limiter_.try_acquire();
        CHECK(taken);
        co_return;
    }
    auto operation() { return limiter_.acquire(); }
    Task<> wait() { co_await limiter_.acquire(); }
    Task<> wait_again() {
        clock_.advance(1h);
        co_await wait();
    }
    void complete() { clock_.advance(1h); }
    bool intact() const { return limiter_.statistics().waiters == 0; }

private:
    eddy::testing::VirtualClock& clock_;
    RateLimiter limiter_{1, 1h};
};

/// Goes on whenever somebody looks, when it is told to.
class HurryingClock final : public eddy::Clock {
public:
    [[nodiscard]] eddy::TimePoint now() const noexcept override {
        now_ += hurries ? Duration(60ms) : Duration(1);
        return now_;
    }
    void skip(Duration time) noexcept { now_ += time; }

    bool hurries = false;

private:
    mutable eddy::TimePoint now_{1h};
};

TEST_CASE(
    "a token that comes while a select tries its requests in turn goes to the first of them") {
    HurryingClock clock;
    eddy::Loop loop({.clock = &clock});
    const auto main = [&clock]() -> Task<std::size_t> {
        RateLimiter limiter(10, 1s, 10);  // one in 100 ms
        const bool taken = limiter.try_acquire(10);
        CHECK(taken);
        clock.skip(390ms);
        clock.hurries = true;
        const auto chosen = co_await eddy::select(limiter.acquire(5), limiter.acquire(9));
        clock.hurries = false;
        co_return chosen.index();
    };
    CHECK(loop.run(main()) == 0);
}

}  // namespace

EDDY_TEST_CASE("a burst goes at once, then one token at a time, exactly") {
    RateLimiter limiter(10, 1s);
    Times times;
    for (int i = 0; i < 25; ++i) {
        co_await limiter.acquire();
        times.push_back(elapsed());
    }
    for (int i = 0; i < 25; ++i) {
        CHECK(times[static_cast<std::size_t>(i)] == (i < 10 ? 0ms : (i - 9) * 100ms));
    }
}

EDDY_TEST_CASE("a burst of one paces, and what was not used is not saved up") {
    RateLimiter limiter(10, 1s, 1);
    Times times;
    for (int i = 0; i < 3; ++i) {
        co_await acquire(limiter, 1, times);
    }
    co_await eddy::sleep_for(10s);
    for (int i = 0; i < 3; ++i) {
        co_await acquire(limiter, 1, times);
    }
    CHECK(times == Times({0ms, 100ms, 200ms, 10200ms, 10300ms, 10400ms}));
    CHECK(limiter.statistics().burst == 1);
}

EDDY_TEST_CASE("a rate that no nanosecond divides does not drift") {
    RateLimiter limiter(3, 1s, 1);
    Duration last{};
    for (std::int64_t i = 0; i <= 3000; ++i) {
        co_await limiter.acquire();
        last = elapsed();
        // The first whole nanosecond at or after i thirds of a second.
        CHECK(last == Duration((i * 1'000'000'000 + 2) / 3));
    }
    CHECK(last == 1000s);
}

EDDY_TEST_CASE("looking does not lose the fraction of a token that has come") {
    RateLimiter limiter(3, 1s, 1);
    CHECK(limiter.try_acquire());
    int refused = 0;
    while (elapsed() < 333'333'333ns) {
        co_await eddy::sleep_for(std::min<Duration>(7ms, 333'333'333ns - elapsed()));
        refused += limiter.try_acquire() ? 0 : 1;
        CHECK(limiter.statistics().available == 0);
    }
    CHECK(refused == 48);  // the last one a third of a nanosecond too early
    co_await eddy::sleep_for(1ns);
    CHECK(limiter.try_acquire());
}

EDDY_TEST_CASE_FIFO("requests are granted whole, in order, and a newcomer queues behind them") {
    RateLimiter limiter(10, 1s, 5);
    Times big;
    Times small;
    Times late;
    CHECK(limiter.try_acquire(5));
    eddy::spawn(acquire(limiter, 4, big)).detach();
    eddy::spawn(acquire(limiter, 1, small)).detach();
    co_await settle();
    CHECK(limiter.statistics().waiters == 2);
    co_await eddy::sleep_for(300ms);
    CHECK(limiter.statistics().available == 3);
    CHECK_FALSE(limiter.try_acquire());  // there are three, but others wait
    co_await acquire(limiter, 1, late);
    CHECK(big == Times{400ms});
    CHECK(small == Times{500ms});
    CHECK(late == Times{600ms});
}

EDDY_TEST_CASE("all who can be served at one moment are") {
    RateLimiter limiter(1000, 1ms, 10);  // one a microsecond
    Times times;
    CHECK(limiter.try_acquire(10));
    for (int i = 0; i < 8; ++i) {
        eddy::spawn(acquire(limiter, 1, times)).detach();
    }
    co_await settle();
    eddy::testing::test_clock().advance(5us);
    co_await settle();
    CHECK(times == Times(5, 5us));
    CHECK(limiter.statistics().waiters == 3);
    co_await eddy::sleep_for(1ms);
    CHECK(times.size() == 8);
    CHECK(times.back() == 8us);
}

EDDY_TEST_CASE("what came for those who wait is theirs, even when a select moves on in between") {
    RateLimiter limiter(10, 1ns, 8);
    Times times;
    CHECK(limiter.try_acquire(8));
    eddy::spawn([](RateLimiter& l, Times& out) -> Task<> {
        const auto got = co_await eddy::select(l.acquire(1), l.acquire(1));
        CHECK(got.index() == 0);
        out.push_back(elapsed());
    }(limiter, times))
        .detach();
    co_await settle();
    for (const std::int64_t tokens : {2, 7}) {
        eddy::spawn(acquire(limiter, tokens, times)).detach();
        co_await settle();
    }
    co_await eddy::sleep_for(1us);
    CHECK(times == Times(3, 1ns));  // ten, although the bucket holds eight
    CHECK(limiter.statistics().available == 8);
}

EDDY_TEST_CASE("a request that leaves has taken nothing, and those behind it move up") {
    RateLimiter limiter(10, 1s);
    Times times;
    CHECK(limiter.try_acquire(10));
    eddy::CancelScope scope;
    auto big = eddy::spawn(with_scope(scope, acquire(limiter, 10, times)));
    co_await settle();
    auto small = eddy::spawn(acquire(limiter, 3, times));
    co_await settle();
    co_await eddy::sleep_for(450ms);
    scope.cancel();
    CHECK(limiter.statistics().waiters == 0);  // granted at once: four are there
    co_await small;
    CHECK(times == Times{450ms});
    static_cast<void>(co_await big);
    const auto chosen = co_await eddy::select(limiter.acquire(9), eddy::sleep_for(100ms));
    CHECK(chosen.index() == 1);
    CHECK(limiter.statistics().available == 2);  // 4.5 - 3 + 1
    co_await acquire(limiter, 5, times);
    CHECK(times == Times({450ms, 800ms}));
}

EDDY_TEST_CASE("a token that was granted and then not wanted was used all the same") {
    RateLimiter limiter(1, 1s);
    Times times;
    CHECK(limiter.try_acquire());
    eddy::CancelScope scope;
    auto first = eddy::spawn(with_scope(scope, acquire(limiter, 1, times)));
    co_await settle();
    eddy::call_later(1s, [&scope] { scope.cancel(); });  // runs after the deadline of that moment
    static_cast<void>(co_await first);
    co_await acquire(limiter, 1, times);
    CHECK(times == Times({1s, 2s}));
}

EDDY_TEST_CASE("after a stall no more than the burst goes at once, and what was missed is lost") {
    for (const std::int64_t burst : {1, 5}) {
        RateLimiter limiter(10, 1s, burst);
        const Duration start = elapsed();
        Times times;
        CHECK(limiter.try_acquire(burst));
        for (int i = 0; i < 30; ++i) {
            eddy::spawn(acquire(limiter, 1, times)).detach();
        }
        co_await eddy::sleep_for(50ms);
        eddy::testing::test_clock().advance(burst == 1 ? 1s : 10s);  // the loop was blocked
        const Duration again = elapsed() - start;
        co_await eddy::sleep_for(10s);
        REQUIRE(times.size() == 30);
        for (std::int64_t i = 0; i < 30; ++i) {
            const Duration expected = again + (i < burst ? 0 : i - burst + 1) * 100ms;
            CHECK(times[static_cast<std::size_t>(i)] - start == expected);
        }
    }
}

EDDY_TEST_CASE("after a stall a bucket is full for large requests, too") {
    RateLimiter limiter(10, 1s, 5);
    Times times;
    CHECK(limiter.try_acquire(5));
    for (const std::int64_t tokens : {4, 3, 5, 1}) {
        eddy::spawn(acquire(limiter, tokens, times)).detach();
        co_await settle();
    }
    eddy::testing::test_clock().advance(10s);
    co_await settle();
    CHECK(times == Times{10s});
    CHECK(limiter.statistics().available == 1);  // 5 - 4
    co_await eddy::sleep_for(10s);
    CHECK(times == Times({10s, 10200ms, 10700ms, 10800ms}));
}

EDDY_TEST_CASE("a request that leaves after a stall does not let more than the burst through") {
    RateLimiter limiter(10, 1s, 2);
    Times times;
    CHECK(limiter.try_acquire(2));
    eddy::CancelScope scope;
    auto leaves = eddy::spawn(with_scope(scope, acquire(limiter, 2, times)));
    co_await settle();
    for (int i = 0; i < 5; ++i) {
        eddy::spawn(acquire(limiter, 1, times)).detach();
    }
    co_await settle();
    eddy::testing::test_clock().advance(10s);
    scope.cancel();  // before the loop has seen that time has passed
    static_cast<void>(co_await leaves);
    co_await eddy::sleep_for(10s);
    CHECK(times == Times({10s, 10s, 10100ms, 10200ms, 10300ms}));
}

EDDY_TEST_CASE("being a little late is no stall: nothing drifts") {
    RateLimiter limiter(10, 1s, 1);
    Times times;
    CHECK(limiter.try_acquire());
    for (int i = 0; i < 5; ++i) {
        eddy::spawn(acquire(limiter, 1, times)).detach();
    }
    co_await eddy::sleep_for(50ms);
    eddy::testing::test_clock().advance(150ms - 1ns);  // less than a token too late
    co_await eddy::sleep_for(200ms);
    eddy::testing::test_clock().advance(1us);
    co_await eddy::sleep_for(1s);
    CHECK(times == Times({200ms - 1ns, 200ms, 300ms, 400ms + 999ns, 500ms}));
}

EDDY_TEST_CASE("a token too late is a stall: it is lost") {
    RateLimiter limiter(10, 1s, 1);
    Times times;
    CHECK(limiter.try_acquire());
    for (int i = 0; i < 3; ++i) {
        eddy::spawn(acquire(limiter, 1, times)).detach();
    }
    co_await eddy::sleep_for(50ms);
    eddy::testing::test_clock().advance(150ms);
    co_await eddy::sleep_for(1s);
    CHECK(times == Times({200ms, 300ms, 400ms}));
}

EDDY_TEST_CASE("none at all are granted at once, too many never") {
    RateLimiter limiter(2, 1s, 3);
    CHECK(limiter.try_acquire(3));
    co_await limiter.acquire(0);
    CHECK(limiter.try_acquire(0));
    CHECK(elapsed() == 0s);
    CHECK_THROWS_AS(co_await limiter.acquire(4), std::invalid_argument);
    CHECK_THROWS_AS(co_await limiter.acquire(-1), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(limiter.try_acquire(4)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(limiter.try_acquire(-1)), std::invalid_argument);
}

EDDY_TEST_CASE("a rate that makes no sense is refused") {
    CHECK_THROWS_AS(RateLimiter(0, 1s), std::invalid_argument);
    CHECK_THROWS_AS(RateLimiter(-1, 1s), std::invalid_argument);
    CHECK_THROWS_AS(RateLimiter(1, 0s), std::invalid_argument);
    CHECK_THROWS_AS(RateLimiter(1, -1s), std::invalid_argument);
    CHECK_THROWS_AS(RateLimiter(1, 1s, 0), std::invalid_argument);
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    CHECK_THROWS_AS(RateLimiter(most, Duration(2)), std::invalid_argument);
    CHECK_THROWS_AS(RateLimiter(1, Duration::max(), 1), std::invalid_argument);
    CHECK_THROWS_AS(RateLimiter(1, 24h, most), std::invalid_argument);
    co_return;
}

EDDY_TEST_CASE("the largest numbers do not overflow") {
    constexpr std::int64_t half = std::numeric_limits<std::int64_t>::max() / 2;
    RateLimiter slow(1, Duration(half));
    Times times;
    CHECK(slow.try_acquire());
    co_await acquire(slow, 1, times);
    CHECK(times == Times{Duration(half)});
    RateLimiter fast(half, 1ns, half);
    CHECK(fast.try_acquire(half));
    CHECK_FALSE(fast.try_acquire());
    co_await acquire(fast, half, times);
    CHECK(times.back() == Duration(half) + 1ns);
}

EDDY_TEST_CASE_FIFO("an acquire allocates nothing, whether it waits or not") {
    RateLimiter limiter(1000, 1s, 2);
    co_await limiter.acquire(2);
    co_await limiter.acquire();  // the loop's heap of deadlines has room from now on
    const std::size_t before = eddy::testing::heap_counters().allocations;
    for (int i = 0; i < 300; ++i) {
        co_await limiter.acquire(i % 3);
    }
    CHECK(eddy::testing::heap_counters().allocations == before);
}

EDDY_TEST_CASE("a rate limiter refuses other threads, and nothing has happened") {
    RateLimiter limiter(2, 1s);
    CHECK(limiter.try_acquire());
    int refused = 0;
    std::thread([&] {
        eddy::run([](RateLimiter& l, int& count) -> Task<> {
            try {
                co_await l.acquire();
            } catch (const eddy::WrongThread&) {
                ++count;
            }
            CHECK_THROWS_AS(static_cast<void>(l.try_acquire()), eddy::WrongThread);
            CHECK_THROWS_AS(static_cast<void>(l.statistics()), eddy::WrongThread);
        }(limiter, refused));
    }).join();
    CHECK(refused == 1);
    CHECK(limiter.statistics().available == 1);
    co_return;
}

TEST_CASE("tokens that a destroyed frame was granted go back into the bucket") {
    for (const bool big_dies_first : {true, false}) {
        eddy::testing::VirtualClock clock;
        eddy::testing::RecordingObserver observer;
        RateLimiter limiter(10, 1s);
        Times times;
        eddy::Loop loop({.clock = &clock, .observer = &observer});
        loop.run(
            [](RateLimiter& l, Times& out, bool small_spawned_first) -> Task<> {
                CHECK(l.try_acquire(10));
                const auto stubborn = [](RateLimiter& from, Times& to, int tokens) -> Task<> {
                    co_await eddy::sleep_for(tokens == 9 ? 1ms : 2ms);  // the big one first
                    co_await acquire(from, tokens, to);
                };
                for (const int tokens :
                     {small_spawned_first ? 3 : 9, small_spawned_first ? 9 : 3}) {
                    eddy::spawn(eddy::shield(stubborn(l, out, tokens))).detach();
                }
                co_await eddy::sleep_for(500ms);
                CHECK(l.statistics().waiters == 2);
            }(limiter, times, big_dies_first),
            {.grace = 0ms});
        CHECK(observer.abandoned.size() == 2);
        CHECK(times.empty());
        CHECK(limiter.statistics().waiters == 0);
        CHECK(limiter.statistics().available == 5);
    }
}

TEST_CASE("a rate limiter outlives a loop, and goes on with the clock of the next") {
    RateLimiter limiter(1, 1s);
    CHECK(limiter.statistics().available == 1);
    for (int i = 0; i < 2; ++i) {
        eddy::testing::VirtualClock clock;
        clock.advance(i == 0 ? 100s : 0s);
        eddy::run(
            [](RateLimiter& l) -> Task<> {
                const eddy::TimePoint start = eddy::now();
                co_await l.acquire();
                co_await l.acquire();
                CHECK(eddy::now() - start >= 1s);
                CHECK(eddy::now() - start <= 2s);
            }(limiter),
            {},
            {.clock = &clock});
        CHECK(limiter.statistics().available == 0);
    }
}

EDDY_ABORT_TEST_CASE("destroying a rate limiter that jobs wait on is a broken contract",
                     "a RateLimiter was destroyed while jobs wait on it") {
    auto limiter = std::make_unique<RateLimiter>(1, 1h);
    Times times;
    eddy::spawn(acquire(*limiter, 1, times)).detach();
    eddy::spawn(acquire(*limiter, 1, times)).detach();
    co_await settle();
    limiter.reset();
}

EDDY_WAIT_MATRIX("RateLimiter::acquire", RateFixture)
