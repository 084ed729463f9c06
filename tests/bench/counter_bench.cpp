// SPDX-License-Identifier: MIT
// What a Counter costs: changes while many wait, and adds from other threads.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <thread>
#include <vector>

#include <eddy/counter.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/task_group.hpp>
#include <eddy/yield.hpp>

#include "command_line.hpp"
#include "counting_new.hpp"

namespace bench {

namespace {

constexpr std::int64_t increments = 5'000'000;
constexpr std::int64_t adds = 2'000'000;
constexpr std::int64_t posts = 200'000;

// --- changes on the loop -----------------------------------------------------------------------

eddy::Task<> wait_beyond(eddy::Counter& counter, std::int64_t threshold) {
    co_await counter.wait_at_least(threshold);
}

template <std::int64_t waiters>
eddy::Task<Sample> measure_increments() {
    eddy::Counter counter;
    Sample sample;
    co_await eddy::with_task_group([&counter, &sample](eddy::TaskGroup& group) -> eddy::Task<> {
        for (std::int64_t i = 0; i < waiters; ++i) {
            group.spawn(wait_beyond(counter, increments + 1 + (i * 7'919) % waiters));
        }
        while (counter.statistics().waiters != waiters) {
            co_await eddy::yield();
        }
        const Meter meter;
        for (std::int64_t i = 0; i < increments; ++i) {
            counter.increment();
        }
        sample = meter.stop(increments);
        counter.increment(waiters);
    });
    co_return sample;
}

template <std::int64_t waiters>
Sample increment() {
    return eddy::run(measure_increments<waiters>());
}

/// Ten thousand waiters woken by one change: per waiter.
eddy::Task<Sample> measure_wake() {
    constexpr std::int64_t waiters = 10'000;
    eddy::Counter counter;
    Sample sample;
    co_await eddy::with_task_group([&counter, &sample](eddy::TaskGroup& group) -> eddy::Task<> {
        for (std::int64_t i = 0; i < waiters; ++i) {
            group.spawn(wait_beyond(counter, 1 + (i * 7'919) % waiters));
        }
        while (counter.statistics().waiters != waiters) {
            co_await eddy::yield();
        }
        const Meter meter;
        counter.set(waiters);
        sample = meter.stop(waiters);
    });
    co_return sample;
}

Sample wake() { return eddy::run(measure_wake()); }

// --- adds from other threads -------------------------------------------------------------------

/// Starts `threads` that call `add` together `total` times; wall time until `counter` shows it.
template <class Add>
eddy::Task<Sample> measure_remote(eddy::Counter& counter,
                                  int threads,
                                  std::int64_t total,
                                  Add add) {
    std::atomic<std::uint64_t> allocated{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> started;
    for (int i = 0; i < threads; ++i) {
        started.emplace_back([&allocated, &go, add, each = total / threads] {
            go.wait(false);
            const std::uint64_t before = allocation_count;
            for (std::int64_t k = 0; k < each; ++k) {
                add();
            }
            allocated += allocation_count - before;
        });
    }
    const Meter meter(CLOCK_MONOTONIC);
    go = true;
    go.notify_all();
    co_await counter.wait_at_least(total);
    for (std::thread& thread : started) {
        thread.join();
    }
    co_return meter.stop(static_cast<std::size_t>(total), allocated);
}

eddy::Task<Sample> measure_remote_counter(int threads) {
    eddy::Counter counter;
    const auto add = [remote = counter.remote()] { static_cast<void>(remote.add(1)); };
    co_return co_await measure_remote(counter, threads, adds, add);
}

eddy::Task<Sample> measure_post(int threads) {
    eddy::Counter counter;
    const auto add = [loop = eddy::Loop::current().handle(), &counter] {
        static_cast<void>(loop.post([&counter] { counter.increment(); }));
    };
    co_return co_await measure_remote(counter, threads, posts, add);
}

template <int threads>
Sample remote_counter() {
    return eddy::run(measure_remote_counter(threads));
}
template <int threads>
Sample post() {
    return eddy::run(measure_post(threads));
}

/// The floor: an atomic number that nobody can await.
template <int threads>
Sample atomic_number() {
    std::atomic<std::int64_t> number{0};
    std::vector<std::thread> started;
    const Meter meter(CLOCK_MONOTONIC);
    for (int i = 0; i < threads; ++i) {
        started.emplace_back([&number] {
            for (std::int64_t k = 0; k < adds / threads; ++k) {
                number.fetch_add(1, std::memory_order_relaxed);
            }
        });
    }
    for (std::thread& thread : started) {
        thread.join();
    }
    return meter.stop(adds);
}

template <int threads>
Row remote_row(const char* name, const char* title) {
    return {.name = name,
            .title = title,
            .unit = "ns",
            .contenders = {{"remote", remote_counter<threads>},
                           {"atomic", atomic_number<threads>},
                           {"post", post<threads>}},
            .targets = {{"post", 0.5}},
            .allocation_free = true};
}

}  // namespace

}  // namespace bench

int main(int count, char** arguments) {
    using namespace bench;
    std::vector<Row> rows;
    rows.push_back({.name = "increment",
                    .title = "increment that wakes none of 10,000 threshold waiters",
                    .unit = "ns",
                    .contenders = {{"10,000", increment<10'000>},
                                   {"one", increment<1>},
                                   {"nobody", increment<0>}},
                    .targets = {{"one", 1.15}},
                    .allocation_free = true});
    rows.push_back({.name = "wake",
                    .title = "one change that wakes 10,000 threshold waiters, per waiter",
                    .unit = "ns",
                    .contenders = {{"eddy", wake}},
                    .targets = {},
                    .allocation_free = true});
    rows.push_back(remote_row<1>("remote_1", "RemoteCounter::add from one thread"));
    rows.push_back(remote_row<2>("remote_2", "the same from two threads"));
    rows.push_back(remote_row<10>("remote_10", "the same from ten threads"));
    return run_main(count, arguments, rows);
}
