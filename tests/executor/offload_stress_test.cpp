// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include <eddy/detail/thread_pool_hooks.hpp>
#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>

#include "offload_kit.hpp"

using namespace eddy;
using namespace eddy::testing;

namespace {

/// EDDY_STRESS=1000000 asks for a million.
std::size_t stress_count(std::size_t usual) {
    const char* text = std::getenv("EDDY_STRESS");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : usual;
}

/// Counts what is handed to a pool.
class Counting final : public Executor {
public:
    explicit Counting(ThreadPool& pool) : pool_(pool) {}
    void submit(Work& work) override {
        ++submitted;
        pool_.submit(work);
    }
    void withdraw(Work& work) noexcept override { pool_.withdraw(work); }

    std::atomic<std::uint64_t> submitted{0};

private:
    ThreadPool& pool_;
};

struct Totals {
    std::atomic<std::uint64_t> ran{0};
    std::atomic<std::uint64_t> ran_twice{0};
    std::uint64_t values = 0;
    std::uint64_t errors = 0;
    std::uint64_t cancelled = 0;
};

/// A call that notes its run in its own slot.
int mark(Totals& totals, std::vector<std::atomic<std::uint8_t>>& runs, std::size_t index) {
    if (runs[index].fetch_add(1) != 0) {
        ++totals.ran_twice;
    }
    ++totals.ran;
    if (index % 17 == 0) {
        throw std::runtime_error("as planned");
    }
    return static_cast<int>(index);
}

Task<> one(Executor& pool,
           Totals& totals,
           std::vector<std::atomic<std::uint8_t>>& runs,
           std::size_t index,
           OffloadOptions options) {
    try {
        const int value =
            co_await run_in_executor(pool, options, mark, std::ref(totals), std::ref(runs), index);
        CHECK(value == static_cast<int>(index));
        ++totals.values;
    } catch (const std::runtime_error&) {
        ++totals.errors;
    } catch (const Cancelled&) {
        ++totals.cancelled;
        throw;
    }
}

Task<> storm(Executor& pool,
             Totals& totals,
             std::vector<std::atomic<std::uint8_t>>& runs,
             std::size_t from,
             std::size_t to,
             std::uint64_t seed) {
    std::mt19937_64 random(seed);
    constexpr std::size_t batch = 200;
    for (std::size_t begin = from; begin < to; begin += batch) {
        const std::size_t end = std::min(begin + batch, to);
        co_await with_task_group([&](TaskGroup& group) -> Task<> {
            std::vector<JoinHandle<void>> handles;
            for (std::size_t i = begin; i < end; ++i) {
                const OffloadOptions options{
                    .priority = static_cast<Priority>(random() % 3),
                    .on_cancel = random() % 2 == 0 ? OnCancel::wait : OnCancel::abandon};
                handles.push_back(group.spawn(one(pool, totals, runs, i, options)));
            }
            for (auto& handle : handles) {
                if (random() % 4 == 0) {
                    co_await yield();
                }
                if (random() % 3 == 0) {
                    handle.cancel();
                }
            }
        });
    }
}

/// Lets every third start of a thread fail.
class Flaky final : public detail::ThreadPoolHooks {
public:
    void starting_thread() override {
        if (++starts_ % 3 == 0) {
            throw std::system_error(
                std::make_error_code(std::errc::resource_unavailable_try_again));
        }
    }

private:
    int starts_ = 0;  // under the pool's lock
};

/// Calls one after the other, until the `count` of them has come back or been refused.
Task<> call_often(ThreadPool& pool, int count, int& values, int& refused) {
    for (int i = 0; i < count; ++i) {
        try {
            const int value = co_await run_in_executor(pool, [](int sent) { return sent; }, i);
            values += value == i ? 1 : 0;
        } catch (const IoError&) {
            ++refused;
        }
    }
}

}  // namespace

TEST_CASE("threads that come, go and fail to start between two loops' calls lose none of them") {
    constexpr int jobs = 10;
    constexpr int calls = 100;
    Flaky hooks;
    ThreadPool pool({.threads = 2, .queue_bound = 4, .idle_timeout = Duration(), .hooks = &hooks});
    int values[2] = {0, 0};
    int refused[2] = {0, 0};
    std::vector<std::thread> threads;
    for (int l = 0; l < 2; ++l) {
        threads.emplace_back([&, l] {
            eddy::run([](ThreadPool& workers, int& good, int& bad) -> Task<> {
                co_await with_task_group([&](TaskGroup& group) -> Task<> {
                    for (int i = 0; i < jobs; ++i) {
                        group.spawn(call_often(workers, calls, good, bad));
                    }
                    co_return;
                });
            }(pool, values[l], refused[l]));
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    const ThreadPoolStatistics statistics = pool.statistics();
    CHECK(values[0] + refused[0] == jobs * calls);
    CHECK(values[1] + refused[1] == jobs * calls);
    CHECK(statistics.done == static_cast<std::uint64_t>(values[0] + values[1]));
    CHECK(statistics.rejected == static_cast<std::uint64_t>(refused[0] + refused[1]));
}

TEST_CASE(
    "100,000 offloads from two loops with random cancellation: nothing lost, none run twice") {
    const std::size_t count = stress_count(100'000);
    std::vector<std::atomic<std::uint8_t>> runs(count);
    Totals totals[2];
    ThreadPool pool({.threads = 2, .queue_bound = 64});
    Counting executor(pool);
    std::vector<std::thread> threads;
    for (std::size_t l = 0; l < 2; ++l) {
        threads.emplace_back([&, l] {
            eddy::run(storm(executor, totals[l], runs, count / 2 * l, count / 2 * (l + 1), l + 1));
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    pool.shutdown(std::chrono::hours(1));  // abandoned calls may still run
    const std::uint64_t ran = totals[0].ran + totals[1].ran;
    std::uint64_t ends = 0;
    std::uint64_t delivered = 0;
    for (const Totals& t : totals) {
        CHECK(t.ran_twice == 0);
        ends += t.values + t.errors + t.cancelled;
        delivered += t.values + t.errors;
    }
    const ThreadPoolStatistics statistics = pool.statistics();
    CHECK(statistics.done == ran);
    CHECK(statistics.rejected == 0);
    CHECK(statistics.queued + statistics.waiting + statistics.running == 0);
    CHECK(statistics.done + statistics.withdrawn == executor.submitted);
    CHECK(ends == count);     // every job had exactly one end
    CHECK(delivered <= ran);  // the others were abandoned
    CHECK(ran >= count / 4);
    MESSAGE(count << " offloads: " << ran << " ran, " << statistics.withdrawn << " withdrawn, "
                  << totals[0].cancelled + totals[1].cancelled << " awaits cancelled");
}

EDDY_TEST_CASE("10,000 calls that throw, and every exception reaches its own await") {
    ThreadPool pool({.threads = 2});
    int wrong = 0;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        for (int i = 0; i < 10'000; ++i) {
            group.spawn(
                [](ThreadPool& workers, int number, int& bad) -> Task<> {
                    int caught = -1;
                    try {
                        co_await run_in_executor(workers, [](int mine) { throw mine; }, number);
                    } catch (int value) {
                        caught = value;
                    }
                    bad += caught == number ? 0 : 1;
                },
                std::ref(pool),
                i,
                std::ref(wrong));
        }
        co_return;
    });
    CHECK(wrong == 0);
}
