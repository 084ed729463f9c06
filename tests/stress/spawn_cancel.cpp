// SPDX-License-Identifier: MIT
// Storms one loop: two threads post, the loop spawns jobs and cancels them, millions of times; then
// checks that every post and every job is accounted for, and prints speed and memory.
//
//     spawn_cancel [--count N]        10,000,000 jobs unless told otherwise

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/yield.hpp>

#include "../bench/finished.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t batch = 1'000;

struct Tally {
    std::uint64_t started = 0;
    std::uint64_t cancelled = 0;
    std::atomic<std::uint64_t> posted{0};
};

/// Resident memory in KiB, 0 where the system does not say.
long resident() {
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line)) {
        if (line.rfind("VmRSS:", 0) == 0) {
            return std::atol(line.c_str() + 6);
        }
    }
    return 0;
}

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

eddy::Task<int> run_all(std::uint64_t count) {
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
            warm = resident();
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
    std::printf("%llu jobs spawned and cancelled, %llu posts: %.1f s, %.0f ns a job\n",
                static_cast<unsigned long long>(done),
                static_cast<unsigned long long>(tally.posted.load()),
                took.count(),
                took.count() * 1e9 / static_cast<double>(done));
    std::printf("resident memory: %ld KiB warm, %ld KiB at the end\n", warm, resident());
    const bool exact = tally.started == done && tally.cancelled == done;
    if (!exact) {
        std::printf("%llu started, %llu cancelled: jobs were lost\n",
                    static_cast<unsigned long long>(tally.started),
                    static_cast<unsigned long long>(tally.cancelled));
    }
    co_return exact ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t count = 10'000'000;
    if (argc == 3 && std::strcmp(argv[1], "--count") == 0) {
        count = std::strtoull(argv[2], nullptr, 10);
    } else if (argc != 1) {
        std::fprintf(stderr, "usage: %s [--count N]\n", argv[0]);
        return 2;
    }
    return bench::finished(eddy::run(run_all(count)));
}
