// SPDX-License-Identifier: MIT
// Count from threads: ten of them, 100,000 increments each, three ways.
//
// Reading a number and writing it back loses what others wrote in between; here the first read of
// every thread comes before the first write of any, so it is certain. An atomic number is exact,
// but nobody can await it. A RemoteCounter is exact too, and a job waits for the sum on the loop.
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <thread>
#include <vector>

#include <eddy/counter.hpp>
#include <eddy/run.hpp>

#include "finished.hpp"

constexpr std::int64_t threads = 10;
constexpr std::int64_t each = 100'000;

std::vector<std::thread> start(const std::function<void()>& body) {
    std::vector<std::thread> started;
    for (std::int64_t i = 0; i < threads; ++i) {
        started.emplace_back(body);
    }
    return started;
}

void join(std::vector<std::thread>& started) {
    for (std::thread& thread : started) {
        thread.join();
    }
}

/// What `++number` does on a plain integer, without being undefined behaviour.
std::int64_t read_then_write() {
    std::atomic<std::int64_t> number{0};
    std::barrier all_have_read(threads);
    auto started = start([&] {
        for (std::int64_t i = 0; i < each; ++i) {
            const std::int64_t seen = number.load(std::memory_order_relaxed);
            if (i == 0) {
                all_have_read.arrive_and_wait();
            }
            number.store(seen + 1, std::memory_order_relaxed);
        }
    });
    join(started);
    return number;
}

std::int64_t atomic_number() {
    std::atomic<std::int64_t> number{0};
    auto started = start([&] {
        for (std::int64_t i = 0; i < each; ++i) {
            number.fetch_add(1, std::memory_order_relaxed);
        }
    });
    join(started);
    return number;
}

eddy::Task<> remote_counter() {
    eddy::Counter counter;  // touched on this thread only
    const eddy::RemoteCounter remote = counter.remote();
    auto started = start([remote] {
        for (std::int64_t i = 0; i < each; ++i) {
            remote.add(1);
        }
    });
    co_await counter.wait_at_least(threads * each);
    join(started);
    std::cout << "RemoteCounter:    " << counter.value() << "\n";
}

int main() {
    std::cout << threads << " threads, " << each << " increments each\n";
    const std::int64_t careless = read_then_write();
    std::cout << "read, then write: lost updates: " << (careless < threads * each ? "yes" : "no")
              << "\n";
    std::cout << "std::atomic:      " << atomic_number() << "\n";
    return finished(eddy::run_main(remote_counter()));
}
