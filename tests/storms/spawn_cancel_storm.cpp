// SPDX-License-Identifier: MIT
// Two threads post to one loop, which spawns jobs and cancels them: some before they start, some
// one by one, the rest as a group. Every post and every job is accounted for, and memory is flat.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/yield.hpp>

#include "storm.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t batch = 1'000;

struct Tally {
    std::uint64_t started = 0;
    std::uint64_t cancelled = 0;
    std::atomic<std::uint64_t> posted{0};
};

eddy::Task<> victim(Tally& tally, std::uint64_t number) {
    ++tally.started;
    try {
        if (number % 2 == 0) {
            co_await eddy::sleep_for(1h);
        } else {
            co_await eddy::sleep_forever();
        }
    } catch (const eddy::Cancelled&) {
        ++tally.cancelled;
        throw;
    }
}

/// One batch: some jobs are cancelled before they start, some one by one, the rest as a group.
eddy::Task<> storm(Tally& tally) {
    co_await eddy::with_task_group([&tally](eddy::TaskGroup& group) -> eddy::Task<> {
        std::vector<eddy::JoinHandle<void>> handles;
        handles.reserve(batch / 10);
        for (std::uint64_t i = 0; i < batch; ++i) {
            auto handle = group.spawn(victim(tally, i));
            if (i % 10 == 0) {
                handles.push_back(std::move(handle));
            }
        }
        for (std::size_t i = 0; i < handles.size(); i += 2) {
            handles[i].cancel();
        }
        co_await eddy::yield();
        for (auto& handle : handles) {
            handle.cancel();
        }
        group.cancel();
    });
}

eddy::Task<bool> run_all(std::uint64_t count) {
    Tally tally;
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> accepted{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([loop = eddy::Loop::current().handle(), &tally, &stop, &accepted] {
            while (!stop) {
                for (int n = 0; n < 100; ++n) {
                    accepted += loop.post([&tally] { ++tally.posted; }) ? 1 : 0;
                }
                while (accepted > tally.posted + 1'000 && !stop) {
                    std::this_thread::yield();  // the loop's memory is ours to bound
                }
            }
        });
    }
    long warm = 0;
    std::uint64_t done = 0;
    const auto start = std::chrono::steady_clock::now();
    while (done < count) {
        co_await storm(tally);
        done += batch;
        if (done == 10 * batch) {
            warm = storms::resident_memory();
        }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    stop = true;
    for (std::thread& thread : threads) {
        thread.join();
    }
    while (tally.posted != accepted) {
        co_await eddy::yield();
    }
    const long now = storms::resident_memory();
    std::printf(
        "%llu posts beside them; %.0f ns a job; resident memory %ld KiB warm, %ld at the end\n",
        static_cast<unsigned long long>(tally.posted.load()),
        took.count() * 1e9 / static_cast<double>(done),
        warm,
        now);
    bool good = storms::check(tally.started == done, "every job starts");
    good &= storms::check(tally.cancelled == done, "every job is cancelled");
    if (storms::memory_counts() && warm != 0) {  // 0: too few
        good &= storms::check(now < warm + 1024, "memory does not grow");
    }
    co_return good;
}

bool spawn_cancel(std::size_t count) { return eddy::run(run_all(count)); }

const storms::Registered registered(
    {"spawn_cancel", "jobs spawned and cancelled", 50'000, 10'000'000, spawn_cancel});

}  // namespace
