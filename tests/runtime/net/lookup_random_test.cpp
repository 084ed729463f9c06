// SPDX-License-Identifier: MIT
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/lookup_statistics.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/yield.hpp>

#include "../test_kit.hpp"
#include "blocked_resolver.hpp"
#include "lookup_kit.hpp"
#include "net_kit.hpp"

// Loops on several threads ask for the same few names, give some of them up, and the resolver
// answers when it likes.

namespace {

using namespace eddy::testing;
using eddy::IoError;
using eddy::lookup_statistics;
using eddy::Task;

constexpr std::size_t loops = 3;
constexpr std::size_t names = 24;  // more than there are threads
constexpr std::size_t jobs_each = 400;
constexpr std::size_t at_once = 40;

struct Ends {
    std::size_t answered = 0;
    std::size_t failed = 0;
    std::size_t cancelled = 0;
    std::size_t wrong = 0;  // another name's answer, or something else
};

bool is_known(std::size_t number) { return number % 2 == 0; }
std::string name_of(std::size_t number) {
    return is_known(number) ? known_name(number) : blocked_name(number);
}

Task<> ask(std::size_t number, Ends& ends) {
    try {
        const Addresses found = co_await eddy::resolve(name_of(number), 80);
        ++(is_known(number) && found == known_addresses(80) ? ends.answered : ends.wrong);
    } catch (const IoError&) {
        ++(is_known(number) ? ends.wrong : ends.failed);
    } catch (const eddy::Cancelled&) {
        ++ends.cancelled;
        throw;
    }
}

Task<> rounds(std::size_t count) {
    for (; count != 0; --count) {
        co_await eddy::yield();
    }
}

/// The last ones are left to the end of the loop.
Task<> one_loop(std::uint32_t seed, Ends& ends) {
    std::mt19937 random(seed);
    for (std::size_t done = 0; done < jobs_each; done += at_once) {
        std::vector<eddy::JoinHandle<void>> jobs;
        for (std::size_t i = 0; i < at_once; ++i) {
            jobs.push_back(eddy::spawn(ask(random() % names, ends)));
            co_await rounds(1 + random() % 3);
        }
        const bool last = done + at_once == jobs_each;
        for (auto& job : jobs) {
            if (random() % 2 == 0) {
                job.cancel();
            }
            if (last && random() % 2 == 0) {
                job.detach();
                continue;
            }
            const auto ended = co_await failure_of(job);
            CHECK((!ended || holds<eddy::JobCancelled>(ended)));
        }
    }
}

void answer_at_random(const std::atomic<std::size_t>& loops_left,
                      std::uint32_t seed,
                      BlockedResolver& resolver) {
    std::mt19937 random(seed);
    while (loops_left != 0) {
        resolver.release(name_of(random() % names));
        const eddy::LookupStatistics now = lookup_statistics();
        CHECK(now.threads <= most_lookup_threads);
        CHECK(now.running <= now.threads);
        CHECK(now.abandoned <= now.running);
        CHECK(now.queued <= names);
        CHECK(now.waiting == 0);
        std::this_thread::yield();
    }
}

TEST_CASE("loops that ask for and give up the same names: each request ends exactly once") {
    for (const std::uint32_t seed : {1U, 2U, 3U}) {
        std::thread([] { eddy::run(until_quiet()); }).join();
        const eddy::LookupStatistics before = lookup_statistics();
        BlockedResolver resolver;
        std::array<Ends, loops> ends;
        std::vector<std::thread> threads;
        std::atomic<std::size_t> left{loops};
        for (std::size_t i = 0; i < loops; ++i) {
            threads.emplace_back([&, i] {
                eddy::run(one_loop(static_cast<std::uint32_t>(seed * loops + i), ends[i]));
                --left;
            });
        }
        answer_at_random(left, seed, resolver);
        resolver.release();
        for (std::thread& thread : threads) {
            thread.join();
        }
        std::thread([] { eddy::run(until_quiet()); }).join();
        Ends all;
        for (const Ends& each : ends) {
            CHECK(each.answered + each.failed + each.cancelled == jobs_each);
            all.answered += each.answered;
            all.cancelled += each.cancelled;
            all.wrong += each.wrong;
        }
        CHECK(all.wrong == 0);
        CHECK(all.answered > 0);
        CHECK(all.cancelled > 0);
        const eddy::LookupStatistics now = lookup_statistics();
        CHECK(now.started - before.started == resolver.blocked());
        CHECK(now.shared > before.shared);
    }
}

}  // namespace
