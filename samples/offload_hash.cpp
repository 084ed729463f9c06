// SPDX-License-Identifier: MIT
// A million-round hash on a worker while the loop ticks on.
//
// On the loop's thread the hash would hold everything up for as long as it takes; here a worker
// computes it, and a ticker job keeps its rhythm. The second hash is cancelled: it polls its stop
// token, ends early, and what it had so far is still returned.
#include <cstdint>
#include <iostream>
#include <stop_token>

#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/thread_pool.hpp>

#include "finished.hpp"

using namespace std::chrono_literals;

constexpr std::uint64_t million = 1'000'000;

/// SplitMix64, again and again.
std::uint64_t hash(std::uint64_t seed, std::uint64_t rounds) {
    for (std::uint64_t i = 0; i < rounds; ++i) {
        seed += 0x9e3779b97f4a7c15U;
        seed = (seed ^ (seed >> 30U)) * 0xbf58476d1ce4e5b9U;
        seed = (seed ^ (seed >> 27U)) * 0x94d049bb133111ebU;
        seed ^= seed >> 31U;
    }
    return seed;
}

/// The same without an end, unless it is asked to stop.
std::uint64_t hash_until_stopped(std::stop_token stop, std::uint64_t seed) {
    while (!stop.stop_requested()) {
        seed = hash(seed, 1'000);
    }
    return seed;
}

eddy::Task<> tick(int& ticks) {
    while (true) {
        co_await eddy::sleep_for(1ms);
        ++ticks;
    }
}

/// Cancelled while the call runs, it still gets the value.
eddy::Task<> endless(bool& stopped_early) {
    static_cast<void>(co_await eddy::run_in_executor(hash_until_stopped, 7U));
    stopped_early = true;
}

eddy::Task<> show() {
    int ticks = 0;
    bool stopped_early = false;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(tick(ticks));

        const std::uint64_t result = co_await eddy::run_in_executor(hash, 42U, million);
        std::cout << "a million rounds: " << std::hex << result << std::dec << "\n";

        group.spawn(endless(stopped_early));
        const int before = ticks;
        while (ticks < before + 5 || eddy::default_pool().statistics().running == 0) {
            co_await eddy::sleep_for(1ms);
        }
        std::cout << "the loop ticked on: yes\n";
        group.cancel("five ticks are enough");
    });
    std::cout << "stopped on request: " << (stopped_early ? "yes" : "no") << "\n";
}

int main() { return finished(eddy::run_main(show())); }
