// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/sleep.hpp>
#include <eddy/yield.hpp>

#include "../test_kit.hpp"
#include "blocked_resolver.hpp"
#include "lookup_kit.hpp"
#include "net_kit.hpp"

// Lookups that are given up, by the thousand, and a resolver that never answers.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Task;

constexpr std::size_t lookups = 10'000;
constexpr std::size_t at_once = 1'000;  // of them

/// Every other one asks what others ask too. The rest are unknown, and nobody is asked about them:
/// they have an empty label.
Task<Addresses> ask(std::size_t number) {
    return eddy::resolve(number % 2 == 0 ? "localhost" : "no..where" + std::to_string(number), 80);
}

/// An answer, or cancelled, and nothing else.
struct Ends {
    std::size_t answered = 0;
    std::size_t cancelled = 0;

    Task<> count(LookupJobs& jobs) {
        for (auto& job : jobs) {
            const auto error = co_await failure_of(job);
            answered += !error || holds<eddy::IoError>(error) ? 1U : 0U;
            cancelled += holds<eddy::JobCancelled>(error) ? 1U : 0U;
        }
    }
};

EDDY_NET_TEST_FIFO("ten thousand lookups cancelled by the thousand leave nothing behind") {
    Ends ends;
    for (std::size_t done = 0; done < lookups; done += at_once) {
        LookupJobs jobs;
        for (std::size_t i = 0; i < at_once; ++i) {
            jobs.push_back(eddy::spawn(ask(i)));
        }
        co_await let_run();
        for (auto& job : jobs) {
            job.cancel();
        }
        co_await ends.count(jobs);
    }
    CHECK(ends.answered + ends.cancelled == lookups);  // how many of each: how fast the machine is
    co_await settle();                                 // no request counts any more
    const Addresses found = co_await eddy::resolve("localhost", 80);
    CHECK_FALSE(found.empty());
}

/// Some are answered, some queued, some not begun when their time is up.
EDDY_NET_TEST_FIFO("ten thousand lookups cancelled at any moment are answered or cancelled") {
    std::mt19937 random(1);
    Ends ends;
    for (std::size_t done = 0; done < lookups; done += 100) {
        LookupJobs jobs;
        for (std::size_t i = 0; i < 100; ++i) {
            jobs.push_back(eddy::spawn(ask(i)));
        }
        std::shuffle(jobs.begin(), jobs.end(), random);
        jobs.front().cancel();  // before it has begun
        for (std::size_t i = 1; i + 1 < jobs.size(); ++i) {
            for (auto rounds = random() % 20; rounds != 0; --rounds) {
                co_await eddy::yield();
            }
            jobs[i].cancel();
        }
        co_await ends.count(jobs);
    }
    CHECK(ends.answered + ends.cancelled == lookups);
    CHECK(ends.cancelled > 0);
    CHECK(ends.answered > 0);
}

EDDY_NET_TEST_FIFO("a resolver that hangs delays lookups, and nothing else") {
    BlockedResolver resolver;
    LookupJobs hanging = co_await hang(resolver, at_once);
    auto behind = eddy::spawn(eddy::resolve("localhost", 80));
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.write_all("hello");
    const std::string text = co_await read_text(pair.server);
    CHECK(text == "hello");
    const Addresses number = co_await eddy::resolve("127.0.0.1", 80);
    CHECK(number.size() == 1);
    for (auto& job : hanging) {
        job.cancel();
        co_await job.wait();  // at once
    }
    CHECK_FALSE(behind.done());
    CHECK(resolver.blocked() == most_lookup_threads);  // the others never get there
    resolver.release();
    const Addresses found = co_await behind;
    CHECK_FALSE(found.empty());
    CHECK(resolver.blocked() == most_lookup_threads);
}

EDDY_NET_TEST_FIFO("a lookup that was given up lets time go on") {
    co_await until_quiet();
    BlockedResolver resolver;
    auto job = eddy::spawn(eddy::resolve(blocked_name(0), 80));
    co_await until_blocked(resolver, 1);
    job.cancel();
    co_await job.wait();
    const eddy::TimePoint begun = eddy::now();
    co_await eddy::sleep_for(1h);
    CHECK(eddy::now() - begun == 1h);
}

}  // namespace
