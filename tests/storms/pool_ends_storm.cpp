// SPDX-License-Identifier: MIT
// A pool ends while ten thousand calls are queued and some run: by its destructor, by `shutdown`,
// or after its loop; without grace, or with enough. Every call ends in one way, none runs twice,
// and what was queued does not run.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/observer.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/spawn.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/yield.hpp>

#include "storm.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Task;

constexpr std::size_t queued = 10'000;

enum class End : std::uint8_t { none, value, closed, cancelled, other };

struct Round {
    std::vector<End> ends;
    std::vector<std::atomic<std::uint8_t>> runs;
    std::atomic<std::size_t> running{0};
    std::size_t held = 0;

    Round(std::size_t calls, std::size_t threads)
        : ends(calls, End::none), runs(calls), held(threads) {}
};

/// The first few run until they are asked to stop; they own what they touch.
void work(const std::stop_token& stop, const std::shared_ptr<Round>& round, std::size_t number) {
    ++round->runs[number];
    if (number < round->held) {
        ++round->running;
        while (!stop.stop_requested()) {
            std::this_thread::yield();
        }
    }
}

Task<> call(eddy::ThreadPool& pool, std::shared_ptr<Round> round, std::size_t number) {
    End& end = round->ends[number];
    try {
        co_await eddy::run_in_executor(pool, work, round, number);
        end = End::value;
    } catch (const eddy::ClosedResource&) {
        end = End::closed;
    } catch (const eddy::Cancelled&) {
        end = End::cancelled;
        throw;
    } catch (...) {
        end = End::other;
    }
}

enum class How : unsigned { destructor, shutdown, loop_first };

Task<> fill(std::unique_ptr<eddy::ThreadPool>& pool,
            const std::shared_ptr<Round> round,
            How how,
            std::mt19937 random) {
    for (std::size_t i = 0; i < round->ends.size(); ++i) {
        eddy::spawn(call(*pool, round, i)).detach();
    }
    while (round->running != round->held || pool->statistics().queued != queued) {
        co_await eddy::yield();
    }
    for (auto rounds = random() % 4; rounds != 0; --rounds) {
        co_await eddy::yield();
    }
    if (how == How::destructor) {
        pool.reset();
    } else if (how == How::shutdown) {
        pool->shutdown(random() % 2 == 0 ? 0s : 10s);
    }
}

/// Returns how many calls did not end as they should.
std::size_t end_one(unsigned seed) {
    std::mt19937 random(seed);
    const auto how = static_cast<How>(seed % 3);
    const std::size_t threads = 1 + random() % 4;
    const auto round = std::make_shared<Round>(queued + threads, threads);
    auto pool = std::make_unique<eddy::ThreadPool>(
        eddy::ThreadPoolOptions{.threads = threads, .queue_bound = queued, .grace = 10s});
    eddy::Observer nobody;
    eddy::run(fill(pool, round, how, random), {}, {.observer = &nobody});
    pool.reset();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < round->ends.size(); ++i) {
        const End end = round->ends[i];
        const bool was_held = i < threads;
        // Held ones return when they are asked to; the others never begin.
        const End expected =
            was_held ? End::value : (how == How::loop_first ? End::cancelled : End::closed);
        wrong += end == expected && round->runs[i] == (was_held ? 1U : 0U) ? 0U : 1U;
    }
    return wrong;
}

bool pool_ends(std::size_t count) {
    std::size_t wrong = 0;
    for (unsigned seed = 1; seed <= count; ++seed) {
        const std::size_t here = end_one(seed);
        if (here != 0) {
            std::printf("seed %u: %zu calls\n", seed, here);
        }
        wrong += here;
    }
    return storms::check(wrong == 0, "every call ends as it should");
}

const storms::Registered registered(
    {"pool_ends", "pools with 10,000 calls queued", 12, 1'000, pool_ends});

}  // namespace
