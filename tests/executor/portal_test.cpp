// SPDX-License-Identifier: MIT
#include <eddy/portal.hpp>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>

#include "offload_kit.hpp"

// A std::promise moves its value within std::call_once. The thread sanitizer's does not hear of an
// exception that leaves it, and the next call waits for ever.
#define ONCE_LETS_EXCEPTIONS_OUT 1
#if defined(__SANITIZE_THREAD__)
#undef ONCE_LETS_EXCEPTIONS_OUT
#define ONCE_LETS_EXCEPTIONS_OUT 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef ONCE_LETS_EXCEPTIONS_OUT
#define ONCE_LETS_EXCEPTIONS_OUT 0
#endif
#endif

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

namespace {

Task<> forever(bool& began) {
    began = true;
    co_await sleep_forever();
}

Task<int> fails() {
    co_await yield();
    throw std::runtime_error("no");
}

/// Runs `fn` in a thread of its own while the loop goes on.
template <class F>
Task<> in_thread(F fn) {
    std::atomic<bool> over{false};
    std::thread thread([&fn, &over] {
        fn();
        over = true;
    });
    {
        const HoldTime hold;
        co_await until([&over] { return over.load(); });
    }
    thread.join();
}

}  // namespace

EDDY_TEST_CASE("a thread submits a function or a task and gets the result from a future") {
    const Portal portal;
    const auto home = std::this_thread::get_id();
    int number = 0;
    std::thread::id ran_on;
    std::string text;
    std::unique_ptr<int> owned;
    bool same = false;
    bool called_same = false;
    co_await in_thread([&] {
        auto there = portal.submit([] { return std::this_thread::get_id(); });
        auto later = portal.submit(
            [](int value) -> Task<int> {
                co_await yield();
                co_return value + 1;
            },
            41);
        auto moved = portal.submit([](std::unique_ptr<int> value) { return value; },
                                   std::make_unique<int>(7));
        auto nothing = portal.submit([] {});
        const auto itself = [](int& value) -> int& { return value; };
        auto reference = portal.submit(itself, std::ref(number));
        int& called = portal.call(itself, std::ref(number));
        called_same = &called == &number;
        auto error = portal.submit(fails);
        ran_on = there.get();
        number = later.get();
        owned = moved.get();
        nothing.get();
        same = &reference.get() == &number;
        try {
            error.get();
        } catch (const std::runtime_error&) {
            // Its text is not looked at: both threads hold the exception then, and the thread
            // sanitizer does not see how the C++ library counts that.
            text = "no";
        }
    });
    CHECK(ran_on == home);
    CHECK(number == 42);
    CHECK(*owned == 7);
    CHECK(same);
    CHECK(called_same);
    CHECK(text == "no");
}

EDDY_TEST_CASE("an offloaded call calls back into its loop and waits") {
    const Portal portal;
    const auto home = std::this_thread::get_id();
    const auto [value, thread] = co_await run_in_executor(
        [](const Portal& loop) {
            const auto on = loop.call([] { return std::this_thread::get_id(); });
            return std::pair(loop.call([](int a) -> Task<int> { co_return a * 2; }, 21), on);
        },
        portal);
    CHECK(value == 42);
    CHECK(thread == home);
}

EDDY_TEST_CASE("what the loop throws comes out of the call, and on through the await") {
    const Portal portal;
    std::string text;
    try {
        co_await run_in_executor([](const Portal& loop) { return loop.call(fails); }, portal);
    } catch (const std::runtime_error& error) {
        text = error.what();
    }
    CHECK(text == "no");
}

EDDY_TEST_CASE("cancelling the awaiting job cancels what its call waits for on the loop") {
    const Portal portal;
    CancelScope scope;
    bool began = false;
    bool ended = false;
    bool cancelled_in_call = false;
    auto waits = [&]() -> Task<> {
        began = true;
        try {
            co_await sleep_forever();
        } catch (const Cancelled&) {
            ended = true;
            throw;
        }
    };
    auto call = [&] {
        try {
            portal.call(std::ref(waits));
        } catch (const Cancelled&) {
            cancelled_in_call = true;
            throw;
        }
    };
    auto handle =
        spawn(with_scope(scope, [&call]() -> Task<> { co_await run_in_executor(std::ref(call)); }));
    co_await until([&] { return began; });
    scope.cancel("enough");
    const bool completed = co_await handle;
    CHECK_FALSE(completed);
    CHECK(scope.cancelled_caught());
    CHECK(ended);
    CHECK(cancelled_in_call);
}

EDDY_TEST_CASE("a call that begins after the cancellation does nothing and ends with Cancelled") {
    const Portal portal;
    HeldCall held;
    CancelScope scope;
    bool ran = false;
    auto call = [&] {
        held();
        portal.call([&ran] { ran = true; });
    };
    auto handle =
        spawn(with_scope(scope, [&call]() -> Task<> { co_await run_in_executor(std::ref(call)); }));
    co_await rounds();
    held.wait_until_it_runs();
    scope.cancel();
    held.let_go();
    const bool completed = co_await handle;
    CHECK_FALSE(completed);
    CHECK_FALSE(ran);
}

EDDY_TEST_CASE(
    "a call that is cancelled by nobody but the pool's end is JobCancelled, not Cancelled") {
    const Portal portal;
    auto pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.threads = 1, .grace = 0s});
    bool began = false;
    bool foreign = false;
    auto handle = spawn(
        [](ThreadPool& workers, Portal loop, bool& begun, bool& out) -> Task<> {
            try {
                co_await run_in_executor(
                    workers,
                    [](const Portal& into, bool& flag) {
                        into.call([&flag]() -> Task<> {
                            flag = true;
                            co_await sleep_forever();
                        });
                    },
                    loop,
                    std::ref(begun));
            } catch (const JobCancelled&) {
                out = true;
            }
        },
        std::ref(*pool),
        portal,
        std::ref(began),
        std::ref(foreign));
    co_await until([&] { return began; });
    pool.reset();
    co_await handle;
    CHECK(foreign);
}

EDDY_TEST_CASE("a call into a loop that offloads to the same pool finds a thread") {
    ThreadPool pool({.threads = 1});
    const Portal portal;
    const int value = co_await run_in_executor(
        pool,
        [](ThreadPool& workers, const Portal& loop) {
            return loop.call(
                [](ThreadPool& inner) -> Task<int> {
                    co_return co_await run_in_executor(inner, [] { return 42; });
                },
                std::ref(workers));
        },
        std::ref(pool),
        portal);
    CHECK(value == 42);
    co_await until([&] { return pool.statistics().threads <= 1 || pool.statistics().idle == 2; });
}

EDDY_TEST_CASE("on a thread that runs a loop a call is InvalidState") {
    const Portal portal;
    CHECK_THROWS_AS(portal.call([] {}), InvalidState);
    co_return;
}

TEST_CASE("outside a loop there is no portal, and into one that is over nothing goes") {
    CHECK_THROWS_AS(Portal(), InvalidState);
    std::optional<Portal> portal;
    eddy::run([](std::optional<Portal>& out) -> Task<> {
        out.emplace();
        co_return;
    }(portal));
    CHECK(portal->closed());
    CHECK_THROWS_AS(static_cast<void>(portal->submit([] {})), LoopClosed);
    CHECK_THROWS_AS(portal->call([] {}), LoopClosed);
}

TEST_CASE("what the loop's end cuts off is JobCancelled, or LoopClosed if it never began") {
    Loop loop;
    const Portal portal(loop);
    std::future<void> early;
    std::future<void> late;
    bool began = false;
    std::thread thread([&] { early = portal.submit(forever, std::ref(began)); });
    loop.run([](bool& there, Portal into, std::future<void>& after) -> Task<> {
        co_await until([&there] { return there; });
        // Waits in the inbox when the last job has ended.
        auto send = [&] { after = into.submit([] {}); };
        std::thread(send).join();
    }(began, portal, late));
    thread.join();
    CHECK_THROWS_AS(early.get(), JobCancelled);
    CHECK_THROWS_AS(late.get(), std::runtime_error);  // either, depending on what is drained first
}

TEST_CASE("many threads submit while the loop ends: every future is ready with one of three ends") {
    for (int round = 0; round < 20; ++round) {
        std::atomic<int> values{0};
        std::atomic<int> ends{0};
        std::atomic<int> refused{0};
        std::vector<std::thread> threads;
        std::atomic<int> ran{0};
        {
            Loop loop;
            const Portal portal(loop);
            for (int t = 0; t < 3; ++t) {
                threads.emplace_back([&, portal] {
                    while (true) {
                        try {
                            portal
                                .submit([&ran]() -> Task<> {
                                    co_await yield();
                                    ++ran;
                                })
                                .get();
                            ++values;
                        } catch (const JobCancelled&) {
                            ++ends;
                        } catch (const LoopClosed&) {
                            ++refused;
                            return;
                        }
                    }
                });
            }
            loop.run([](std::atomic<int>& done) -> Task<> {
                co_await until([&done] { return done > 100; });
            }(values));
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        CHECK(values == ran);
        CHECK(refused == 3);
    }
}

namespace {

/// Has nothing to read: the standard library counts who has an exception where the thread sanitizer
/// does not see it.
struct DoesNotMove : std::exception {};

/// Each object that is moved from it has one move less; without any left the move throws.
class Moves final {
public:
    explicit Moves(int left) : left_(left) {}
    Moves(const Moves&) = delete;
    Moves& operator=(const Moves&) = delete;
    Moves(Moves&& other) : left_(other.left_ - 1) {
        if (left_ < 0) {
            throw DoesNotMove();
        }
    }
    Moves& operator=(Moves&& other) {
        left_ = other.left_ - 1;
        if (left_ < 0) {
            throw DoesNotMove();
        }
        return *this;
    }
    ~Moves() = default;

private:
    int left_;
};

enum class Ending { value, move_failed, other };

template <class Get>
Ending ending_of(Get get) {
    try {
        static_cast<void>(get());
        return Ending::value;
    } catch (const DoesNotMove&) {
        return Ending::move_failed;
    } catch (...) {
        return Ending::other;
    }
}

/// With more moves each time: first the move fails, wherever that is, and then there is the value.
template <class Call>
void check_endings(Call call) {
    int moves = 0;
    Ending ending = call(moves);
    for (; ending == Ending::move_failed && moves < 30; ending = call(++moves)) {
    }
    CHECK(ending == Ending::value);
    CHECK(moves > 1);
}

}  // namespace

#if ONCE_LETS_EXCEPTIONS_OUT

EDDY_TEST_CASE("a result that cannot be moved is an error of the future, whichever move fails") {
    const Portal portal;
    co_await in_thread([&portal] {
        check_endings([&portal](int moves) {
            auto future = portal.submit([moves] { return Moves(moves); });
            return ending_of([&future] { return future.get(); });
        });
    });
}

#endif

EDDY_TEST_CASE("a result that cannot be moved comes out of the call, whichever move fails") {
    const Portal portal;
    co_await in_thread([&portal] {
        check_endings([&portal](int moves) {
            return ending_of(
                [&portal, moves] { return portal.call([moves] { return Moves(moves); }); });
        });
    });
}
