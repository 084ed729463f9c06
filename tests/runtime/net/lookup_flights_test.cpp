// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/lookup_statistics.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/race.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>

#include "../monotonic_skew.hpp"
#include "../test_kit.hpp"
#include "blocked_resolver.hpp"
#include "heap_hooks.hpp"
#include "lookup_kit.hpp"
#include "net_kit.hpp"

// Jobs that ask for the same share one call of the system's resolver.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::AddressFamily;
using eddy::IoError;
using eddy::JoinHandle;
using eddy::lookup_statistics;
using eddy::LookupStatistics;
using eddy::Task;

JoinHandle<Addresses> ask(const std::string& name, std::uint16_t port = 80) {
    return eddy::spawn(eddy::resolve(name, port));
}

EDDY_NET_TEST_FIFO("jobs that ask for one name share a call, and each gets all addresses") {
    co_await until_quiet();
    BlockedResolver resolver;
    const LookupStatistics before = lookup_statistics();
    auto first = ask("known.one");
    co_await until_blocked(resolver, 1);
    auto second = ask("known.one", 81);
    auto third = ask("known.one");
    co_await let_run();
    CHECK(lookup_statistics().shared - before.shared == 2);
    CHECK_FALSE((first.done() || second.done() || third.done()));
    resolver.release();
    for (auto* const job : {&first, &second, &third}) {
        const Addresses found = co_await *job;
        CHECK(found == known_addresses(job == &second ? 81 : 80));
    }
    CHECK(resolver.blocked() == 1);
    const Addresses again = co_await eddy::resolve("known.one", 80);  // nothing is remembered
    CHECK(again == known_addresses(80));
    CHECK(resolver.blocked() == 2);
    const LookupStatistics now = lookup_statistics();
    CHECK(now.started - before.started == 2);
    CHECK(now.failed == before.failed);
}

EDDY_NET_TEST_FIFO("another name, service or family is another call") {
    co_await until_quiet();
    BlockedResolver resolver;
    std::vector<JoinHandle<Addresses>> jobs;
    for (int i = 0; i < 2; ++i) {
        jobs.push_back(ask("known.one"));
        jobs.push_back(ask("known.two"));
        jobs.push_back(eddy::spawn(eddy::resolve("known.one", "443")));
        jobs.push_back(eddy::spawn(eddy::resolve("known.one", "444")));
        jobs.push_back(eddy::spawn(eddy::resolve("known.one", 80, {.family = AddressFamily::v4})));
        jobs.push_back(eddy::spawn(eddy::resolve("known.one", 80, {.family = AddressFamily::v6})));
    }
    co_await until_blocked(resolver, 6);
    co_await let_run();
    CHECK(resolver.blocked() == 6);
    resolver.release();
    std::vector<Addresses> found;
    for (auto& job : jobs) {
        found.push_back(co_await job);
    }
    for (std::size_t i = 0; i < 12; i += 6) {
        CHECK(found[i] == known_addresses(80));
        CHECK(found[i + 1] == known_addresses(80));
        CHECK(found[i + 2] == known_addresses(443));
        CHECK(found[i + 3] == known_addresses(444));
        CHECK(found[i + 4].size() == 2);
        CHECK(found[i + 5].size() == 1);
    }
    CHECK(resolver.blocked() == 6);
}

EDDY_NET_TEST_FIFO("of a name with more than 256 addresses the first 256, none of them twice") {
    for (const auto& [name, count] : {std::pair("many.255", 255U),
                                      std::pair("many.256", 256U),
                                      std::pair("many.257", 256U),
                                      std::pair("many.700", 256U)}) {
        const Addresses found = co_await eddy::resolve(name, 80);
        CHECK(found.size() == count);
        for (std::size_t i = 0; i < found.size(); ++i) {
            const std::string number = i < 256 ? std::to_string(i) : "beyond";
            CHECK(found[i].to_string() == "10.0.0." + number + ":80");
        }
    }
}

Task<Addresses> nothing() {
    co_await let_run();
    co_return Addresses();
}

EDDY_NET_TEST_FIFO("who leaves a shared call leaves it to the others") {
    co_await until_quiet();
    BlockedResolver resolver;
    auto first = ask("known.one");
    co_await until_blocked(resolver, 1);
    auto second = ask("known.one");
    const Addresses none = co_await eddy::race(eddy::resolve("known.one", 80), nothing());
    CHECK(none.empty());
    first.cancel();
    co_await first.wait();
    CHECK(lookup_statistics().abandoned == 0);
    resolver.release();
    const Addresses found = co_await second;
    CHECK(found == known_addresses(80));
    CHECK(resolver.blocked() == 1);
}

EDDY_NET_TEST_FIFO("a failure is that of all who have asked") {
    co_await until_quiet();
    BlockedResolver resolver;
    const std::uint64_t failed = lookup_statistics().failed;
    auto first = ask("blocked.one");
    auto second = ask("blocked.one");
    co_await until_blocked(resolver, 1);
    co_await let_run();
    resolver.release();
    for (auto* const job : {&first, &second}) {
        const auto error = co_await failure_of(*job);
        REQUIRE(holds<IoError>(error));
        const std::string text = as<IoError>(error).what();
        CHECK(text == "resolve blocked.one: unknown node or service");
    }
    CHECK(resolver.blocked() == 1);
    CHECK(lookup_statistics().failed - failed == 1);
}

EDDY_NET_TEST_FIFO("what nobody waits for any more: queued it never runs, running it ends alone") {
    co_await until_quiet();
    BlockedResolver resolver;
    LookupJobs hanging = co_await hang(resolver, most_lookup_threads - 1);
    JoinHandle<Addresses> running[] = {ask("known.running"), ask("known.running")};
    co_await until_blocked(resolver, most_lookup_threads);
    JoinHandle<Addresses> queued[] = {ask("known.queued"), ask("known.queued")};
    co_await let_run();
    CHECK(lookup_statistics().queued == 1);
    for (auto* const two : {running, queued}) {
        two[0].cancel();
        co_await two[0].wait();
        CHECK(lookup_statistics().abandoned == (two == queued ? 1 : 0));
        CHECK(lookup_statistics().queued == 1);
        two[1].cancel();
        co_await two[1].wait();
        CHECK(lookup_statistics().abandoned == 1);
        CHECK(lookup_statistics().queued == (two == queued ? 0 : 1));
    }
    CHECK(lookup_statistics().running == most_lookup_threads);
    resolver.release("known.running");
    co_await until([] { return lookup_statistics().running == most_lookup_threads - 1; });
    CHECK(lookup_statistics().abandoned == 0);
    resolver.release();
    for (auto& job : hanging) {
        const auto error = co_await failure_of(job);
        CHECK(holds<IoError>(error));
    }
    CHECK(resolver.blocked("known.running") == 1);
    CHECK(resolver.blocked("known.queued") == 0);
}

EDDY_NET_TEST_FIFO("a call that nobody waits for is joined by the next who asks") {
    co_await until_quiet();
    BlockedResolver resolver;
    auto first = ask("known.one");
    co_await until_blocked(resolver, 1);
    first.cancel();
    co_await first.wait();
    CHECK(lookup_statistics().abandoned == 1);
    auto second = ask("known.one");
    co_await let_run();
    CHECK(lookup_statistics().abandoned == 0);
    resolver.release();
    const Addresses found = co_await second;
    CHECK(found == known_addresses(80));
    CHECK(resolver.blocked() == 1);
}

Task<> leave_known(const BlockedResolver& resolver) {
    for (std::size_t i = 0; i < most_lookup_threads; ++i) {
        ask(known_name(i)).detach();
    }
    co_await until_blocked(resolver, most_lookup_threads);
    co_await let_run();
}

EDDY_NET_TEST_FIFO("a loop that ends leaves its calls to the other loops that have joined them") {
    co_await until_quiet();
    BlockedResolver resolver;
    auto joined = ask(known_name(3));  // by the other loop
    co_await until_blocked(resolver, 1);
    std::thread([&] { eddy::run(leave_known(resolver)); }).join();
    LookupStatistics now = lookup_statistics();
    CHECK(now.running == most_lookup_threads);
    CHECK(now.abandoned == most_lookup_threads - 1);
    auto joins = ask(known_name(4));  // the other loop's
    co_await let_run();
    now = lookup_statistics();
    CHECK(now.abandoned == most_lookup_threads - 2);
    CHECK_FALSE((joined.done() || joins.done()));
    resolver.release();
    const Addresses found = co_await joined;
    CHECK(found == known_addresses(80));
    const Addresses others = co_await joins;
    CHECK(others == known_addresses(80));
    CHECK(resolver.blocked() == most_lookup_threads);
    co_await until_quiet();
}

#if EDDY_MONOTONIC_SKEW

EDDY_NET_TEST_FIFO("a call that hangs is joined for five seconds, then somebody looks again") {
    co_await until_quiet();
    BlockedResolver resolver;
    SkippedTime time;
    auto first = ask("known.one");
    auto left = ask("known.one");
    co_await until_blocked(resolver, 1);
    time.skip(3s);
    auto in_time = ask("known.one");
    co_await let_run();
    CHECK(resolver.blocked() == 1);
    CHECK(lookup_statistics().running == 1);
    time.skip(2s);
    auto fresh = ask("known.one");
    co_await until_blocked(resolver, 2);
    auto joins_fresh = ask("known.one");
    co_await let_run();
    const LookupStatistics now = lookup_statistics();
    CHECK(now.running == 2);
    CHECK(now.abandoned == 0);  // those who have joined the first wait on
    CHECK(now.oldest >= 5s);
    CHECK(now.oldest < 1min);
    left.cancel();
    co_await left.wait();
    CHECK(lookup_statistics().abandoned == 0);
    in_time.cancel();
    co_await in_time.wait();
    resolver.release();
    for (auto* const job : {&first, &fresh, &joins_fresh}) {
        const Addresses found = co_await *job;
        CHECK(found == known_addresses(80));
    }
    CHECK(resolver.blocked() == 2);
}

EDDY_NET_TEST_FIFO("one that is queued is joined however long it has been") {
    BlockedResolver resolver;
    SkippedTime time;
    LookupJobs hanging = co_await hang(resolver);
    auto first = ask("known.one");
    co_await let_run();
    time.skip(1min);
    auto second = ask("known.one");
    co_await let_run();
    resolver.release();
    for (auto* const job : {&first, &second}) {
        const Addresses found = co_await *job;
        CHECK(found == known_addresses(80));
    }
    CHECK(resolver.blocked("known.one") == 1);
    co_await end_all(hanging);
}

#endif

EDDY_NET_TEST_FIFO(
    "a name among thousands is found again, and so it is when most of them are gone") {
    constexpr std::size_t many = 9'000;
    BlockedResolver resolver;
    LookupJobs jobs = co_await hang(resolver, many);
    for (const std::size_t left : {many, most_lookup_threads + 10}) {
        for (std::size_t i = left; i < jobs.size(); ++i) {
            jobs[i].cancel();
        }
        co_await let_run();
        const std::uint64_t shared = lookup_statistics().shared;
        LookupJobs again = ask_blocked(many);
        co_await let_run();
        CHECK(lookup_statistics().shared - shared == left);
        for (auto& job : again) {
            job.cancel();
        }
        co_await end_all(again);
    }
    resolver.release();
    co_await end_all(jobs);
}

#if EDDY_HEAP_HOOKS

EDDY_NET_TEST_FIFO(
    "an allocation that fails is one failed lookup, or none; the next ones find all") {
    constexpr std::size_t full = 1'024;  // the table grows with the next
    BlockedResolver resolver;
    LookupJobs jobs = co_await hang(resolver, full);
    co_await let_run();
    LookupJobs more;  // so that there are frames for more
    for (int i = 0; i < 8; ++i) {
        more.push_back(ask(blocked_name(0)));
    }
    co_await let_run();
    for (auto& job : more) {
        job.cancel();
    }
    co_await end_all(more);
    std::size_t failed = 0;
    for (std::size_t nth = 0; nth < 8; ++nth) {
        std::string name = blocked_name(full + nth);
        auto failing = eddy::resolve(std::move(name), 80);
        auto job = eddy::spawn(std::move(failing));
        auto rounds = let_run();
        FailAllocation fault(nth);
        co_await std::move(rounds);
        fault.stop();
        failed += job.done() ? 1U : 0U;
        jobs.push_back(std::move(job));
    }
    CHECK(failed > 0);
    CHECK(failed < 8);
    const std::uint64_t shared = lookup_statistics().shared;
    LookupJobs again = ask_blocked(full + 8);
    co_await let_run();
    CHECK(lookup_statistics().shared - shared == full + 8 - failed);
    resolver.release();
    co_await end_all(jobs);
    co_await end_all(again);
}

EDDY_NET_TEST_FIFO("without memory for the answer of a call all who share it are told so") {
    co_await until_quiet();
    BlockedResolver resolver;
    auto first = ask("known.one");
    auto second = ask("known.one");
    co_await until_blocked(resolver, 1);
    co_await let_run();
    const std::uint64_t failed = lookup_statistics().failed;
    {
        const Shortage shortage(0, Shortage::Mode::and_after);
        resolver.release();
        while (lookup_statistics().failed == failed && lookup_statistics().running != 0) {
            std::this_thread::yield();  // a job would want memory as well
        }
    }
    for (auto* const job : {&first, &second}) {
        const auto error = co_await failure_of(*job);
        REQUIRE(holds<IoError>(error));
        const std::string text = as<IoError>(error).what();
        CHECK(text == "resolve known.one: out of memory");
    }
    const Addresses found = co_await eddy::resolve("known.one", 80);
    CHECK(found == known_addresses(80));
}

#endif

#if EDDY_HEAP_HOOKS && EDDY_FRAME_POOL

EDDY_NET_TEST_FIFO("who joins a call allocates a request, and nothing else") {
    co_await until_quiet();
    BlockedResolver resolver;
    auto first = ask("known.one");
    co_await until_blocked(resolver, 1);
    for (int i = 0; i < 2; ++i) {  // the second one finds the pools warm
        const std::size_t before = heap_counters().allocations;
        auto joins = ask("known.one");
        co_await let_run();
        CHECK((i == 0 || heap_counters().allocations - before == 1));
        joins.cancel();
        co_await joins.wait();
    }
    resolver.release();
    const Addresses found = co_await first;
    CHECK(found == known_addresses(80));
}

#endif

/// Two that share a call, and one behind.
Task<> scenario() {
    auto first = ask("known.one");
    auto second = ask("known.one");
    const Addresses found = co_await first;
    const Addresses same = co_await second;
    CHECK(found == same);
    const Addresses more = co_await eddy::resolve("known.two", 80);
    CHECK(more == known_addresses(80));
}

TEST_CASE("shared calls, cancelled at each checkpoint, leave nothing behind") {
    BlockedResolver resolver;
    resolver.release();
    for (const auto seed : {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(7)}) {
        const std::size_t count = cancel_at_each_checkpoint([] { return scenario(); }, {}, seed);
        CHECK(count >= 3);
    }
}

}  // namespace
