// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <system_error>
#include <utility>
#include <vector>

#include <eddy/detail/thread_pool_hooks.hpp>
#include <eddy/error.hpp>
#include <eddy/gather.hpp>
#include <eddy/loop.hpp>
#include <eddy/portal.hpp>
#include <eddy/remote_channel.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/thread_pool.hpp>

#include "offload_kit.hpp"

// A pool whose threads wait for loops: how many more it gets, and what becomes of what is queued
// when it gets no more.

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

namespace {

/// Refuses threads, on demand; is not patient.
class Hooks final : public detail::ThreadPoolHooks {
public:
    explicit Hooks(Duration patience = 20ms) noexcept : patience_(patience) {}

    void starting_thread() override {
        ++tries;
        if (allowed == 0) {
            throw std::system_error(
                std::make_error_code(std::errc::resource_unavailable_try_again));
        }
        --allowed;
    }
    [[nodiscard]] Duration patience() const noexcept override { return patience_; }

    std::atomic<int> allowed{1};
    std::atomic<int> tries{0};

private:
    Duration patience_;
};

/// Through the portal, a call offloaded to the same pool: from a worker.
int offload_again(ThreadPool& pool, const Portal& loop) {
    return loop.call(
        [](ThreadPool& inner) -> Task<int> {
            co_return co_await run_in_executor(inner, [] { return 42; });
        },
        std::ref(pool));
}

/// So deep does it come, pool to loop to pool, before there are no threads any more.
int nested(ThreadPool& pool, const Portal& loop, int depth) {
    try {
        return loop.call(
            [](ThreadPool& inner, Portal portal, int level) -> Task<int> {
                co_return co_await run_in_executor(
                    inner, nested, std::ref(inner), std::move(portal), level);
            },
            std::ref(pool),
            loop,
            depth + 1);
    } catch (const IoError&) {
        return depth;
    }
}

Task<bool> fails_for_want_of_threads(ThreadPool& pool) {
    try {
        co_await run_in_executor(pool, offload_again, std::ref(pool), Portal());
    } catch (const IoError& error) {
        co_return error.code() == std::errc::resource_unavailable_try_again;
    }
    co_return false;
}

}  // namespace

EDDY_TEST_CASE(
    "a call that a loop offloads while all threads wait for it, and no more are to be "
    "had, is an IoError") {
    Hooks hooks;
    ThreadPool pool({.threads = 1, .hooks = &hooks});
    const bool refused = co_await fails_for_want_of_threads(pool);
    CHECK(refused);
    CHECK(pool.statistics().rejected == 1);
    hooks.allowed = 1;  // there are threads again: so do calls go
    const int value = co_await run_in_executor(pool, offload_again, std::ref(pool), Portal());
    CHECK(value == 42);
}

EDDY_TEST_CASE("what was queued before the last thread began to wait for the loop fails as well") {
    Hooks hooks;
    ThreadPool pool({.threads = 1, .queue_bound = 1, .hooks = &hooks});
    HeldCall held;
    Gate gate;
    auto waits = spawn([&]() -> Task<> {
        co_await run_in_executor(
            pool,
            [](HeldCall& call, const Portal& loop, Gate& over) {
                call();
                loop.call([](Gate& inner) -> Task<> { co_await inner.wait(); }, std::ref(over));
            },
            std::ref(held),
            Portal(),
            std::ref(gate));
    });
    co_await rounds();
    held.wait_until_it_runs();
    int failed = 0;
    std::vector<JoinHandle<void>> queued;
    for (int i = 0; i < 3; ++i) {  // one in the queue, two in the line before it
        queued.push_back(spawn([&]() -> Task<> {
            try {
                co_await run_in_executor(pool, [] {});
            } catch (const IoError&) {
                ++failed;
            }
        }));
    }
    co_await rounds();
    held.let_go();
    for (auto& handle : queued) {
        co_await handle;
    }
    CHECK(failed == 3);
    gate.open();  // for what the worker waits
    co_await waits;
    const int value = co_await run_in_executor(pool, [] { return 7; });
    CHECK(value == 7);
}

EDDY_TEST_CASE("what is queued goes on when the system has threads again, without a new call") {
    Hooks hooks(400ms);  // looks every 100 ms
    ThreadPool pool({.threads = 1, .hooks = &hooks});
    const Portal portal;
    const int value = co_await run_in_executor(
        pool,
        [](ThreadPool& workers, const Portal& loop, Hooks& system) {
            return loop.call(
                [](ThreadPool& inner, Hooks& starts) -> Task<int> {
                    auto offloaded = spawn(
                        [](ThreadPool& again) -> Task<int> {
                            co_return co_await run_in_executor(again, [] { return 42; });
                        },
                        std::ref(inner));
                    co_await until([&] { return starts.tries >= 3; });  // refused once
                    starts.allowed = 1;
                    co_return co_await offloaded;
                },
                std::ref(workers),
                std::ref(system));
        },
        std::ref(pool),
        portal,
        std::ref(hooks));
    CHECK(value == 42);
}

EDDY_TEST_CASE("nesting from pool to loop to pool ends with an IoError at the bound") {
    Hooks hooks;
    hooks.allowed = 1000;
    ThreadPool pool({.threads = 2, .max_blocked = 3, .hooks = &hooks});
    const int depth = co_await run_in_executor(pool, nested, std::ref(pool), Portal(), 1);
    CHECK(depth == 5);
    CHECK(hooks.tries == 5);
    const int value = co_await run_in_executor(pool, [] { return 7; });
    CHECK(value == 7);
    CHECK(pool.statistics().blocked == 0);
}

EDDY_TEST_CASE("calls that only report to their loop wait for each other, however many they are") {
    Hooks hooks;
    hooks.allowed = 1000;
    ThreadPool pool({.threads = 2, .max_blocked = 3, .hooks = &hooks});
    const Portal portal;
    int reports = 0;
    std::vector<Task<>> calls;
    for (int i = 0; i < 200; ++i) {
        calls.push_back([](ThreadPool& workers, Portal loop, int& count) -> Task<> {
            co_await run_in_executor(
                workers,
                [](const Portal& into, int& reported) { into.call([&] { ++reported; }); },
                std::move(loop),
                std::ref(count));
        }(pool, portal, reports));
    }
    co_await gather(std::move(calls));
    CHECK(reports == 200);
    CHECK(pool.statistics().threads <= 5);
    CHECK(pool.statistics().rejected == 0);
}

EDDY_TEST_CASE("without a thread more, the pool's own come back to what is queued") {
    Hooks hooks(1h);
    ThreadPool pool({.threads = 1, .max_blocked = 0, .hooks = &hooks});
    const Portal portal;
    HeldCall held;
    auto first = spawn([&]() -> Task<> {
        co_await run_in_executor(
            pool,
            [](HeldCall& call, const Portal& loop) {
                call();
                loop.call([] {});
            },
            std::ref(held),
            portal);
    });
    co_await rounds();
    held.wait_until_it_runs();
    auto second =
        spawn([&]() -> Task<int> { co_return co_await run_in_executor(pool, [] { return 7; }); });
    co_await rounds();
    held.let_go();
    const int value = co_await second;
    CHECK(value == 7);
    co_await first;
    CHECK(hooks.tries == 1);
}

EDDY_TEST_CASE("a thread that waits for a channel is one that waits for a loop") {
    Hooks hooks;
    ThreadPool pool({.threads = 1, .hooks = &hooks});
    auto [sender, receiver] = open_remote_channel<int>(1);
    auto consumer = spawn([&pool, &from = receiver]() -> Task<int> {
        co_return co_await run_in_executor(
            pool, [](RemoteReceiver<int>& in) { return in.blocking_receive(); }, std::ref(from));
    });
    co_await until([&] { return pool.statistics().blocked == 1; });
    bool refused = false;
    try {
        co_await run_in_executor(pool, [] {});  // the item would come after it
    } catch (const IoError&) {
        refused = true;
    }
    CHECK(refused);
    co_await sender.send(3);
    const int value = co_await consumer;
    CHECK(value == 3);
}
