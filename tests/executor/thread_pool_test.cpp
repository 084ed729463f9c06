// SPDX-License-Identifier: MIT
#include <eddy/thread_pool.hpp>

#include <array>
#include <functional>
#include <latch>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <eddy/detail/thread_pool_hooks.hpp>
#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>

#include "offload_kit.hpp"

#ifdef __linux__
#include <pthread.h>
#endif

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

namespace {

Task<int> hold(ThreadPool& pool, HeldCall& call) {
    co_return co_await run_in_executor(pool, std::ref(call));
}

Task<> note(ThreadPool& pool, OffloadOptions options, std::vector<int>& order, int number) {
    co_await run_in_executor(
        pool,
        options,
        [](std::vector<int>& out, int mine) { out.push_back(mine); },
        std::ref(order),
        number);
}

/// Lets thread starts fail, and tells of idle ends.
class Hooks final : public detail::ThreadPoolHooks {
public:
    void starting_thread() override {
        ++starts;
        if (failures_left > 0) {
            --failures_left;
            throw std::system_error(
                std::make_error_code(std::errc::resource_unavailable_try_again));
        }
    }
    void idle_thread_ends() noexcept override { idle_ends.release(); }

    int starts = 0;
    int failures_left = 0;
    std::counting_semaphore<> idle_ends{0};
};

}  // namespace

TEST_CASE("options that make no sense are invalid_argument") {
    CHECK_THROWS_AS(ThreadPool({.queue_bound = 0}), std::invalid_argument);
    CHECK_THROWS_AS(ThreadPool({.idle_timeout = -1s}), std::invalid_argument);
    CHECK_THROWS_AS(ThreadPool({.grace = -1s}), std::invalid_argument);
}

EDDY_TEST_CASE("a thread starts when there is work for it, and is used again") {
    ThreadPool pool({.threads = 4});
    CHECK(pool.statistics().threads == 0);
    std::thread::id first;
    for (int i = 0; i < 50; ++i) {
        const auto thread =
            co_await run_in_executor(pool, [] { return std::this_thread::get_id(); });
        first = i == 0 ? thread : first;
        CHECK(thread == first);
    }
    CHECK(pool.statistics().threads == 1);  // it was idle again before its result came
}

EDDY_TEST_CASE_FIFO("no more calls run at once than there are threads") {
    ThreadPool pool({.threads = 2});
    std::array<HeldCall, 3> calls;
    std::vector<JoinHandle<int>> handles;
    for (HeldCall& call : calls) {
        handles.push_back(spawn(hold(pool, call)));
    }
    co_await rounds();
    calls[0].wait_until_it_runs();
    calls[1].wait_until_it_runs();
    const ThreadPoolStatistics now = pool.statistics();
    CHECK(now.threads == 2);
    CHECK(now.running == 2);
    CHECK(now.queued == 1);
    CHECK(calls[0].worker != calls[1].worker);
    calls[1].let_go();
    calls[2].wait_until_it_runs();
    CHECK(calls[2].worker == calls[1].worker);
    calls[0].let_go();
    calls[2].let_go();
    for (auto& handle : handles) {
        const int value = co_await handle;
        CHECK(value == 42);
    }
}

EDDY_TEST_CASE("threads carry the pool's name") {
    ThreadPool pool({.name = "render"});
    const std::string name = co_await run_in_executor(pool, [] {
        std::array<char, 32> text{};
#ifdef __linux__
        pthread_getname_np(pthread_self(), text.data(), text.size());
#else
        std::string("render-1").copy(text.data(), text.size());
#endif
        return std::string(text.data());
    });
    CHECK(name == "render-1");
}

EDDY_TEST_CASE(
    "a thread without work ends after the idle timeout, and work after that starts one") {
    Hooks hooks;
    ThreadPool pool({.threads = 2, .idle_timeout = 1ms, .hooks = &hooks});
    co_await run_in_executor(pool, [] {});
    hooks.idle_ends.acquire();
    co_await until([&] { return pool.statistics().threads == 0; });
    const int value = co_await run_in_executor(pool, [] { return 42; });
    CHECK(value == 42);
    CHECK(hooks.starts == 2);
}

EDDY_TEST_CASE("work that races with an idle thread's end is not lost") {
    Hooks hooks;
    ThreadPool pool({.threads = 1, .idle_timeout = 0s, .hooks = &hooks});
    for (int i = 0; i < 500; ++i) {
        const int value = co_await run_in_executor(pool, [](int number) { return number; }, i);
        CHECK(value == i);
    }
}

namespace {

/// Holds the first thread that goes to sleep, just before that.
class HoldsSleeper final : public detail::ThreadPoolHooks {
public:
    void thread_goes_to_sleep() noexcept override {
        if (!std::exchange(held_, true)) {
            found_nothing.release();
            go_on.acquire();
        }
    }

    std::binary_semaphore found_nothing{0};
    std::binary_semaphore go_on{0};

private:
    bool held_ = false;  // under the pool's lock
};

}  // namespace

EDDY_TEST_CASE("calls that are faster than a thread that goes to sleep are run by that thread") {
    HoldsSleeper hooks;
    ThreadPool pool({.threads = 1, .idle_timeout = 1h, .hooks = &hooks});
    const auto where = [](ThreadPool& threads, std::thread::id& thread) -> Task<> {
        thread = co_await run_in_executor(threads, [] { return std::this_thread::get_id(); });
    };
    std::array<std::thread::id, 3> threads;
    std::vector<JoinHandle<void>> calls;
    calls.push_back(spawn(where(pool, threads[0])));
    co_await rounds();
    hooks.found_nothing.acquire();  // the first call has run; nobody knows yet, nobody sleeps
    for (std::size_t i = 1; i < threads.size(); ++i) {
        calls.push_back(spawn(where(pool, threads[i])));
    }
    co_await rounds();
    hooks.go_on.release();
    for (auto& call : calls) {
        co_await call;
    }
    CHECK(threads[0] != std::this_thread::get_id());
    CHECK(threads[1] == threads[0]);
    CHECK(threads[2] == threads[0]);
    co_await until([&] { return pool.statistics().idle == 1; });
    CHECK(pool.statistics().threads == 1);
    CHECK(pool.statistics().done == 3);
    CHECK(pool.statistics().queued == 0);
    co_await where(pool, threads[1]);  // which can be called again
    CHECK(threads[1] == threads[0]);
}

EDDY_TEST_CASE(
    "when no thread can be started the await throws IoError, and the next one tries again") {
    Hooks hooks;
    hooks.failures_left = 1;
    ThreadPool pool({.threads = 2, .hooks = &hooks});
    std::error_code code;
    std::string text;
    try {
        co_await run_in_executor(pool, [] {});
    } catch (const IoError& error) {
        code = error.code();
        text = error.what();
    }
    CHECK(code == std::errc::resource_unavailable_try_again);
    CHECK(text.find("\"eddy\"") != std::string::npos);
    CHECK(pool.statistics().rejected == 1);
    CHECK(pool.statistics().queued == 0);
    const int value = co_await run_in_executor(pool, [] { return 42; });
    CHECK(value == 42);
}

EDDY_TEST_CASE("when a second thread cannot be started the first one does the work") {
    Hooks hooks;
    ThreadPool pool({.threads = 2, .hooks = &hooks});
    HeldCall call;
    auto held = spawn(hold(pool, call));
    co_await rounds();
    call.wait_until_it_runs();
    hooks.failures_left = 1;
    auto next = spawn(
        [](ThreadPool& workers) -> Task<int> {
            co_return co_await run_in_executor(workers, [] { return 7; });
        },
        std::ref(pool));
    co_await rounds();
    CHECK(pool.statistics().threads == 1);
    CHECK(pool.statistics().queued == 1);
    call.let_go();
    const int value = co_await next;
    CHECK(value == 7);
    co_await held;
    CHECK(pool.statistics().rejected == 0);
}

EDDY_TEST_CASE_FIFO("calls of one priority start in order of submission") {
    ThreadPool pool({.threads = 1});
    HeldCall blocker;
    auto held = spawn(hold(pool, blocker));
    co_await rounds();
    blocker.wait_until_it_runs();
    std::vector<int> order;
    std::vector<JoinHandle<void>> handles;
    for (int i = 0; i < 20; ++i) {
        handles.push_back(spawn(note(pool, {}, order, i)));
    }
    co_await rounds();
    blocker.let_go();
    for (auto& handle : handles) {
        co_await handle;
    }
    co_await held;
    for (std::size_t i = 0; i < order.size(); ++i) {
        CHECK(order[i] == static_cast<int>(i));
    }
}

EDDY_TEST_CASE("from full queues 8 high, 4 normal and 1 low run in every 13, so none starves") {
    ThreadPool pool({.threads = 1});
    HeldCall blocker;
    auto held = spawn(hold(pool, blocker));
    co_await rounds();
    blocker.wait_until_it_runs();
    std::vector<int> order;
    std::vector<JoinHandle<void>> handles;
    for (int i = 0; i < 80; ++i) {
        handles.push_back(spawn(note(pool, {.priority = Priority::high}, order, 0)));
        handles.push_back(spawn(note(pool, {.priority = Priority::normal}, order, 1)));
        handles.push_back(spawn(note(pool, {.priority = Priority::low}, order, 2)));
    }
    co_await rounds();
    CHECK(pool.statistics().queued == 240);
    blocker.let_go();
    for (auto& handle : handles) {
        co_await handle;
    }
    co_await held;
    for (std::size_t round = 0; round < 10; ++round) {  // 80 high ones last for 10 rounds
        std::array<int, 3> seen{};
        for (std::size_t i = 0; i < 13; ++i) {
            ++seen[static_cast<std::size_t>(order[round * 13 + i])];
        }
        CHECK(seen[0] == 8);
        CHECK(seen[1] == 4);
        CHECK(seen[2] == 1);
    }
    std::size_t longest_wait = 0;
    std::size_t wait = 0;
    for (std::size_t i = 0; i < 130; ++i) {
        wait = order[i] == 2 ? 0 : wait + 1;
        longest_wait = std::max(longest_wait, wait);
    }
    CHECK(longest_wait <= 13);
}

EDDY_TEST_CASE_FIFO("a full queue lets submissions wait for a slot, first come first served") {
    ThreadPool pool({.threads = 1, .queue_bound = 2});
    HeldCall blocker;
    auto held = spawn(hold(pool, blocker));
    co_await rounds();
    blocker.wait_until_it_runs();
    std::vector<int> order;
    std::vector<JoinHandle<void>> handles;
    for (int i = 0; i < 6; ++i) {
        // The fifth is urgent: that counts once it has a slot, and gets it none earlier.
        const Priority priority = i == 4 ? Priority::high : Priority::normal;
        handles.push_back(spawn(note(pool, {.priority = priority}, order, i)));
    }
    co_await rounds();
    CHECK(pool.statistics().queued == 2);
    CHECK(pool.statistics().waiting == 4);
    handles[2].cancel();  // it was the first in line
    CHECK(pool.statistics().waiting == 3);
    handles[0].cancel();  // it had a slot: the next in line gets it
    CHECK(pool.statistics().queued == 2);
    CHECK(pool.statistics().waiting == 2);
    blocker.let_go();
    for (auto& handle : handles) {
        co_await handle.wait();
    }
    co_await held;
    CHECK(order == std::vector<int>{1, 4, 3, 5});
    CHECK(pool.statistics().withdrawn == 2);
}

EDDY_TEST_CASE("statistics add up, and times are measured if asked for") {
    ThreadPool pool({.threads = 1, .measure = true});
    ThreadPool plain;
    for (int i = 0; i < 10; ++i) {
        co_await run_in_executor(pool, [] {});
        co_await run_in_executor(plain, [] {});
    }
    const ThreadPoolStatistics statistics = pool.statistics();
    CHECK(statistics.done == 10);
    CHECK(statistics.threads == 1);
    CHECK(statistics.queued + statistics.waiting + statistics.running == 0);
    CHECK(pool.run_time().count() == 10);
    CHECK(pool.queue_wait().count() == 10);
    CHECK(pool.queue_wait().max() >= pool.queue_wait().percentile(50));
    CHECK(plain.statistics().done == 10);
    CHECK(plain.run_time().count() == 0);
}

TEST_CASE("loops on several threads share a pool, and each gets its own results") {
    ThreadPool pool({.threads = 2});
    constexpr int loops = 4;
    constexpr int calls = 500;
    std::array<int, loops> wrong{};
    std::vector<std::thread> threads;
    for (int l = 0; l < loops; ++l) {
        threads.emplace_back([&pool, &bad = wrong[static_cast<std::size_t>(l)], l] {
            eddy::run([](ThreadPool& workers, int& mistakes, int mine) -> Task<> {
                const auto home = std::this_thread::get_id();
                co_await with_task_group([&](TaskGroup& group) -> Task<> {
                    for (int i = 0; i < calls; ++i) {
                        group.spawn(
                            [](ThreadPool& inner, int& count, std::thread::id thread, int number)
                                -> Task<> {
                                const int back = co_await run_in_executor(
                                    inner, [](int sent) { return sent; }, number);
                                count +=
                                    back == number && std::this_thread::get_id() == thread ? 0 : 1;
                            },
                            std::ref(workers),
                            std::ref(mistakes),
                            home,
                            mine* calls + i);
                    }
                    co_return;
                });
            }(pool, bad, l));
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const int count : wrong) {
        CHECK(count == 0);
    }
    CHECK(pool.statistics().done == loops * calls);
}

EDDY_TEST_CASE("the default pool is one per loop, made at its first use") {
    ThreadPool& pool = default_pool();
    CHECK(&pool == &default_pool());
    CHECK(pool.statistics().threads == 0);
    co_await run_in_executor([] {});
    CHECK(pool.statistics().done == 1);
    ThreadPool* other = nullptr;
    std::thread([&other] {
        eddy::run([](ThreadPool*& out) -> Task<> {
            out = &default_pool();
            co_return;
        }(other));
    }).join();
    CHECK(other != &pool);
    std::thread([] { CHECK_THROWS_AS(static_cast<void>(default_pool()), InvalidState); }).join();
}

TEST_CASE("a loop that is ending makes no pool any more") {
    bool refused = false;
    const auto main = [&refused]() -> eddy::Task<> {
        const bool posted = eddy::Loop::current().post([&refused] {
            try {
                static_cast<void>(eddy::default_pool());
            } catch (const eddy::LoopClosed&) {
                refused = true;
            }
        });
        CHECK(posted);
        co_return;
    };
    eddy::run(main());
    CHECK(refused);
}
