// SPDX-License-Identifier: MIT
#include <eddy/portal_future.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <future>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/detail/split_mix.hpp>
#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/portal.hpp>
#include <eddy/scope.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "offload_kit.hpp"

namespace {

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

static_assert(std::is_base_of_v<std::future<int>, PortalFuture<int>>);
static_assert(std::is_convertible_v<PortalFuture<int>, std::future<int>>);
static_assert(!std::is_copy_constructible_v<PortalFuture<int>>);
static_assert(std::is_nothrow_move_constructible_v<PortalFuture<void>>);

/// What a job has come to know.
struct Seen {
    bool began = false;
    bool ended = false;
    std::string reason;
};

Task<int> waits_for_ever(Seen& seen) {
    seen.began = true;
    try {
        co_await sleep_forever();
    } catch (const Cancelled& cancelled) {
        seen.ended = true;
        seen.reason = cancelled.reason();
        throw;
    }
    co_return 1;
}

template <class T>
bool is_ready(const std::future<T>& future) {
    return future.wait_for(0s) == std::future_status::ready;
}

template <class T>
Task<> until_ready(const std::future<T>& future) {
    co_await until([&future] { return is_ready(future); });
}

/// On a thread of its own, to its end.
template <class F>
void elsewhere(F fn) {
    std::thread(fn).join();
}

EDDY_TEST_CASE("a portal's job that is cancelled while it waits ends, and its future says so") {
    const Portal portal;
    Seen seen;
    auto future = portal.submit(waits_for_ever, std::ref(seen));
    co_await until([&seen] { return seen.began; });
    CHECK_FALSE(is_ready(future));
    elsewhere([&future] { future.cancel("took too long"); });
    co_await until_ready(future);
    CHECK(seen.ended);
    CHECK(seen.reason == "took too long");
    std::string text;
    try {
        static_cast<void>(future.get());
    } catch (const JobCancelled& error) {
        text = error.what();
    }
    CHECK(text == "Portal: the job was cancelled on its loop: took too long");
}

EDDY_TEST_CASE("a portal's job that is cancelled without a reason says that a stop was requested") {
    const Portal portal;
    Seen seen;
    auto future = portal.submit(waits_for_ever, std::ref(seen));
    co_await until([&seen] { return seen.began; });
    future.cancel();  // by the loop's own thread
    co_await until_ready(future);
    CHECK(seen.reason == "a stop was requested");
    CHECK_THROWS_AS(static_cast<void>(future.get()), JobCancelled);
}

EDDY_TEST_CASE("a portal's job that is cancelled in the inbox never calls its function") {
    const Portal portal;
    int calls = 0;
    auto plain = portal.submit([&calls] { return ++calls; });
    auto task = portal.submit([&calls]() -> Task<> {
        ++calls;
        co_return;
    });
    plain.cancel("never mind");
    elsewhere([&task] { task.cancel(); });
    co_await until_ready(plain);
    co_await until_ready(task);
    CHECK(calls == 0);
    CHECK_THROWS_AS(static_cast<void>(plain.get()), JobCancelled);
    CHECK_THROWS_AS(task.get(), JobCancelled);
}

EDDY_TEST_CASE("a plain function that runs while it is cancelled goes on, and its result counts") {
    const Portal portal;
    PortalFuture<int> future;
    future = portal.submit([&future] {
        future.cancel("from inside");
        elsewhere([&future] { future.cancel("from outside"); });
        return 42;
    });
    co_await until_ready(future);
    CHECK(future.get() == 42);
}

EDDY_TEST_CASE("a portal's job that had its value when the cancellation came keeps it") {
    const Portal portal;
    PortalFuture<int> future;
    future = portal.submit([&future]() -> Task<int> {
        future.cancel("too late");
        int value = 0;
        try {
            co_await sleep_forever();
        } catch (const Cancelled&) {
            value = 7;
        }
        co_return value;
    });
    co_await until_ready(future);
    CHECK(future.get() == 7);
}

EDDY_TEST_CASE("dropping the future, or what cancels it, cancels nothing") {
    const Portal portal;
    int ran = 0;
    const auto later = [&ran]() -> Task<int> {
        co_await yield();
        co_return ++ran;
    };
    {
        const auto dropped = portal.submit(later);
    }
    std::future<int> plain = portal.submit(later);  // what could cancel is gone
    co_await until_ready(plain);
    co_await until([&ran] { return ran == 2; });
    CHECK(plain.get() <= 2);  // either may run first
}

EDDY_TEST_CASE("cancelling a future that has its result, was consumed or moved from does nothing") {
    const Portal portal;
    auto future = portal.submit([] { return 1; });
    co_await until_ready(future);
    future.cancel("it has ended");
    CHECK(future.get() == 1);
    CHECK_FALSE(future.valid());
    future.cancel("it was consumed");

    Seen seen;
    auto first = portal.submit(waits_for_ever, std::ref(seen));
    co_await until([&seen] { return seen.began; });
    auto second = std::move(first);
    first.cancel("moved from");  // NOLINT(bugprone-use-after-move): what it is about
    co_await rounds();
    CHECK_FALSE(seen.ended);
    std::future<int> base = std::move(second);
    second.cancel("what cancels stays here");  // NOLINT(bugprone-use-after-move): likewise
    co_await until_ready(base);
    CHECK(seen.reason == "what cancels stays here");
    CHECK_THROWS_AS(static_cast<void>(base.get()), JobCancelled);
    PortalFuture<int>().cancel();
}

EDDY_TEST_CASE("of many threads that cancel, the first one's reason counts, and once") {
    const Portal portal;
    Seen seen;
    auto future = portal.submit(waits_for_ever, std::ref(seen));
    co_await until([&seen] { return seen.began; });
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&future, i] { future.cancel("thread " + std::to_string(i)); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    co_await until_ready(future);
    CHECK(seen.reason.starts_with("thread "));
    CHECK_THROWS_AS(static_cast<void>(future.get()), JobCancelled);
}

EDDY_TEST_CASE("a cancelled portal's job is cancelled wherever it is, also below a group") {
    const Portal portal;
    Seen seen;
    auto future = portal.submit([&seen]() -> Task<> {
        co_await fail_after(
            1h, [&seen]() -> Task<> { static_cast<void>(co_await waits_for_ever(seen)); });
    });
    co_await until([&seen] { return seen.began; });
    future.cancel("all of it");
    co_await until_ready(future);
    CHECK(seen.reason == "all of it");
    CHECK_THROWS_AS(future.get(), JobCancelled);
}

TEST_CASE("a thread waits in get while another one cancels") {
    Loop loop;
    const Portal portal(loop);
    Seen seen;
    PortalFuture<int> future = portal.submit(waits_for_ever, std::ref(seen));
    std::atomic<bool> cancelled{false};
    std::binary_semaphore waiting{0};
    std::thread getter([&] {
        waiting.release();
        try {
            static_cast<void>(future.get());
        } catch (const JobCancelled&) {
            cancelled = true;
        }
    });
    waiting.acquire();
    std::thread canceller([&] { future.cancel("enough"); });
    loop.run([](std::atomic<bool>& of) -> Task<> {
        co_await until([&of] { return of.load(); });
    }(cancelled));
    canceller.join();
    getter.join();
    CHECK(cancelled);
    CHECK(seen.began == seen.ended);  // it may have been cancelled in the inbox
}

TEST_CASE("cancelling is harmless when the loop is over, before the job ran, and after") {
    std::optional<PortalFuture<int>> waited;
    std::optional<PortalFuture<void>> queued;
    Seen seen;
    {
        Loop loop;
        const Portal portal(loop);
        waited.emplace(portal.submit(waits_for_ever, std::ref(seen)));
        loop.run([](Portal into, Seen& of, std::optional<PortalFuture<void>>& out) -> Task<> {
            co_await until([&of] { return of.began; });
            out.emplace(into.submit([] {}));  // in the inbox when the last job has ended
        }(portal, seen, queued));
    }
    CHECK(is_ready(*waited));
    CHECK(is_ready(*queued));
    waited->cancel("too late");
    elsewhere([&queued] { queued->cancel("too late"); });
    CHECK(seen.reason != "too late");
    CHECK_THROWS_AS(static_cast<void>(waited->get()), JobCancelled);
    waited->cancel();
    queued.reset();
}

/// How the futures of a storm ended.
struct Ends {
    std::atomic<std::uint64_t> values{0};
    std::atomic<std::uint64_t> cancelled{0};
    std::atomic<std::uint64_t> closed{0};
};

/// A little time, without giving the processor away.
void spin(std::uint64_t steps) {
    for (std::atomic<std::uint64_t> i{0}; i < steps; ++i) {
    }
}

/// EDDY_PORTAL_SEEDS=1000 asks for a thousand.
std::uint64_t storm_seeds() {
    const char* const text = std::getenv("EDDY_PORTAL_SEEDS");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : 20;
}

/// Submits, and cancels some of it at some time, until the loop is over.
void submits_and_cancels(const Portal& portal,
                         std::uint64_t seed,
                         Ends& ends,
                         std::atomic<std::uint64_t>& ran) {
    eddy::detail::SplitMix random(seed);
    while (true) {
        try {
            const std::uint64_t choice = random.next();
            PortalFuture<void> future = portal.submit([&ran, waits = choice % 4]() -> Task<> {
                for (std::uint64_t i = 0; i < waits; ++i) {
                    co_await yield();
                }
                if (waits == 3) {
                    co_await sleep_for(100us);
                }
                ++ran;
            });
            spin((choice >> 8U) % 4096);
            if ((choice >> 16U) % 2 == 0) {
                std::thread other;
                if ((choice >> 17U) % 8 == 0) {
                    other = std::thread([&future] { future.cancel("other"); });
                }
                future.cancel("storm");
                if (other.joinable()) {
                    other.join();
                }
            }
            future.get();
            ++ends.values;
        } catch (const JobCancelled&) {
            ++ends.cancelled;
        } catch (const LoopClosed&) {
            ++ends.closed;
            return;
        }
    }
}

TEST_CASE(
    "portal futures that are cancelled at any time are all answered, and none runs after it") {
    std::uint64_t cancelled = 0;
    for (std::uint64_t seed = 1; seed <= storm_seeds(); ++seed) {
        Ends ends;
        std::atomic<std::uint64_t> ran{0};
        std::vector<std::thread> threads;
        {
            Loop loop;
            const Portal portal(loop);
            for (std::uint64_t t = 0; t < 3; ++t) {
                threads.emplace_back(
                    [&, portal, t] { submits_and_cancels(portal, seed * 3 + t, ends, ran); });
            }
            loop.run([](Ends& of) -> Task<> {
                co_await until([&of] { return of.values + of.cancelled > 60; });
            }(ends));
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        INFO("seed " << seed);
        CHECK(ends.values == ran);
        CHECK(ends.closed == 3);
        cancelled += ends.cancelled;
    }
    CHECK(cancelled > 0);
}

}  // namespace
