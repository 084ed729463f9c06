// SPDX-License-Identifier: MIT
#include <eddy/net/lookup_statistics.hpp>

#include <chrono>
#include <cstddef>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>

#include "../monotonic_skew.hpp"
#include "../test_kit.hpp"
#include "blocked_resolver.hpp"
#include "child_process.hpp"
#include "lookup_kit.hpp"
#include "net_kit.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Duration;
using eddy::IoError;
using eddy::lookup_statistics;
using eddy::LookupStatistics;
using eddy::Task;

EDDY_NET_TEST_FIFO("what runs, is queued, waits for a place in the queue, and who has left") {
    co_await until_quiet();
    const LookupStatistics before = lookup_statistics();
    BlockedResolver resolver;
    LookupJobs jobs = co_await hang(resolver, most_lookup_threads + most_queued_lookups + 3);
    co_await let_run();
    LookupStatistics now = lookup_statistics();
    CHECK(now.threads == most_lookup_threads);
    CHECK(now.running == most_lookup_threads);
    CHECK(now.abandoned == 0);
    CHECK(now.queued == most_queued_lookups);
    CHECK(now.waiting == 3);
    CHECK(now.oldest > Duration::zero());
    CHECK(now.started - before.started == most_lookup_threads);
    CHECK(now.failed == before.failed);
    CHECK(now.shared == before.shared);

    auto joins = eddy::spawn(eddy::resolve(blocked_name(most_lookup_threads), 80));
    co_await let_run();
    now = lookup_statistics();
    CHECK(now.shared - before.shared == 1);
    CHECK(now.waiting == 3);  // who joins a call takes no place

    jobs[0].cancel();                    // runs
    jobs[most_lookup_threads].cancel();  // is queued, but not for that one alone
    jobs.back().cancel();                // waits
    co_await let_run();
    now = lookup_statistics();
    CHECK(now.running == most_lookup_threads);
    CHECK(now.abandoned == 1);
    CHECK(now.queued == most_queued_lookups);
    CHECK(now.waiting == 2);
    joins.cancel();
    co_await let_run();
    now = lookup_statistics();
    CHECK(now.queued == most_queued_lookups);
    CHECK(now.waiting == 1);

    resolver.release();
    co_await end_all(jobs);
    co_await until_quiet();
    now = lookup_statistics();
    CHECK(now.waiting == 0);
    CHECK(now.abandoned == 0);
    CHECK(now.oldest == Duration::zero());
    CHECK(now.started - before.started == most_lookup_threads + most_queued_lookups + 1);
    CHECK(now.failed - before.failed == now.started - before.started);
}

EDDY_NET_TEST_FIFO("they can be asked for on any thread, with or without a loop") {
    co_await until_quiet();
    BlockedResolver resolver;
    LookupJobs jobs = co_await hang(resolver, 2);
    std::size_t running = 0;
    std::thread([&] { running = lookup_statistics().running; }).join();
    CHECK(running == 2);
    resolver.release();
    co_await end_all(jobs);
}

#if !defined(EDDY_NO_FORK)

EDDY_NET_TEST_FIFO("a forked child begins with zeros") {
    BlockedResolver resolver;
    LookupJobs jobs = co_await hang(resolver, most_lookup_threads + 1);
    const ChildResult child = run_in_child([] {
        const LookupStatistics now = lookup_statistics();
        const bool zeros = now.threads == 0 && now.running == 0 && now.abandoned == 0 &&
                           now.queued == 0 && now.waiting == 0 && now.started == 0 &&
                           now.failed == 0 && now.shared == 0 && now.oldest == Duration::zero();
        return zeros ? 0 : 1;
    });
    CHECK(child.exit_code == 0);
    resolver.release();
    co_await end_all(jobs);
}

#if EDDY_MONOTONIC_SKEW

Task<int> threads_end() {
    BlockedResolver resolver;
    SkippedTime time;
    LookupJobs jobs = co_await hang(resolver, 3);
    resolver.release();
    for (auto& job : jobs) {
        const auto error = co_await failure_of(job);
        if (!holds<IoError>(error)) {
            co_return 1;
        }
    }
    co_await until_quiet();
    if (lookup_statistics().threads != 3) {
        co_return 2;
    }
    time.skip(6s);
    const auto soon = std::chrono::steady_clock::now() + 20ms;
    co_await until([soon] { return std::chrono::steady_clock::now() >= soon; });
    if (lookup_statistics().threads != 3) {
        co_return 3;
    }
    time.skip(5s);
    const auto late = std::chrono::steady_clock::now() + 5s;
    co_await until([late] {
        return lookup_statistics().threads == 0 || std::chrono::steady_clock::now() >= late;
    });
    if (lookup_statistics().threads != 0) {
        co_return 4;
    }
    const auto error = co_await error_of(eddy::resolve(blocked_name(0), 80));
    co_return holds<IoError>(error) && lookup_statistics().threads == 1 ? 0 : 5;
}

/// In a child, which has no threads from before.
TEST_CASE("threads with nothing to do end after ten seconds, and begin anew") {
    const ChildResult child = run_in_child([] { return eddy::run(threads_end()); });
    CHECK(child.exit_code == 0);
    CHECK(child.errors.empty());
}

#endif
#endif

}  // namespace
