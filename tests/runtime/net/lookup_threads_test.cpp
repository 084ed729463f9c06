// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <netdb.h>
#include <stdexcept>
#include <string>
#include <system_error>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/run.hpp>
#include <eddy/scope.hpp>
#include <eddy/spawn.hpp>
#include <eddy/with_scope.hpp>

#include "../test_kit.hpp"
#include "blocked_resolver.hpp"
#include "child_process.hpp"
#include "lookup_kit.hpp"
#include "net_kit.hpp"
#include "system_calls.hpp"

// The threads that look names up, when they hang or cannot be had.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::IoError;
using eddy::JoinHandle;
using eddy::Task;

EDDY_NET_TEST("a host name that is no UTF-8 is refused") {
    for (const char* const name : {"b\xfc"
                                   "cher.invalid",
                                   "\xc0\xaf.invalid",
                                   "\xed\xa0\x80.invalid",
                                   "x\xf5\x80\x80\x80",
                                   "cut.\xe2\x82"}) {
        const auto error = co_await error_of(eddy::resolve(name, 80));
        CHECK(holds<std::invalid_argument>(error));
    }
}

EDDY_NET_TEST("a host name that is too long once its letters are encoded is refused") {
    std::string name;  // 147 bytes, of which the resolver would get 391
    for (int i = 0; i < 49; ++i) {
        name += "\xc3\xbc.";
    }
    const auto error = co_await error_of(eddy::resolve(name, 80));
    CHECK(holds<std::invalid_argument>(error));
    const auto other = co_await error_of(eddy::resolve(name, "http"));
    CHECK(holds<std::invalid_argument>(other));
}

TEST_CASE("a loop ends at once although sixteen lookups hang, and one waits behind them") {
    BlockedResolver resolver;
    const auto begun = std::chrono::steady_clock::now();
    leave_hanging(resolver, most_lookup_threads + 1);
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
    CHECK(resolver.blocked() == most_lookup_threads);
}

Task<> shielded(const BlockedResolver& resolver, std::string& how) {
    co_await until_quiet();
    eddy::spawn([](std::string& end) -> Task<> {
        try {
            static_cast<void>(co_await eddy::shield(eddy::resolve(blocked_name(0), 80)));
        } catch (const eddy::LoopClosed&) {
            end = "LoopClosed";
            throw;
        }
    }(how))
        .detach();
    co_await until_blocked(resolver, 1);
}

TEST_CASE("a lookup that is shielded is cut off when the grace is over") {
    BlockedResolver resolver;
    RecordingObserver observer;
    std::string how;
    eddy::run(shielded(resolver, how), {.grace = 0ms}, {.observer = &observer});
    CHECK(how == "LoopClosed");
}

EDDY_NET_TEST_FIFO("the next lookup gets the first thread that comes back") {
    BlockedResolver resolver;
    LookupJobs hanging = co_await hang(resolver);
    auto next = eddy::spawn(eddy::resolve("localhost", 80));
    co_await let_run();
    CHECK_FALSE(next.done());
    resolver.release(blocked_name(7));
    const Addresses found = co_await next;
    CHECK_FALSE(found.empty());
    const auto first = co_await failure_of(hanging[7]);
    CHECK(holds<IoError>(first));
    CHECK_FALSE(hanging[0].done());
    resolver.release();
    for (auto& job : hanging) {
        const auto error = co_await failure_of(job);
        CHECK(holds<IoError>(error));
    }
}

EDDY_NET_TEST_FIFO("a thousand lookups wait for a thread, more wait behind them; all in order") {
    co_await until_quiet();
    BlockedResolver resolver;
    LookupJobs jobs = co_await hang(resolver, most_lookup_threads + most_queued_lookups);
    auto one = eddy::spawn(eddy::resolve("known.first", 80));
    auto other = eddy::spawn(eddy::resolve("known.other", 80));
    auto shared = eddy::spawn(eddy::resolve(blocked_name(most_lookup_threads + 5), 80));
    co_await let_run();
    CHECK(eddy::lookup_statistics().waiting == 2);
    const Addresses number = co_await eddy::resolve("127.0.0.1", 80);  // asks nobody
    CHECK(number.size() == 1);
    one.cancel();
    co_await one.wait();  // at once
    CHECK(eddy::lookup_statistics().waiting == 1);
    for (std::size_t i = most_lookup_threads + 6; i < jobs.size(); ++i) {
        jobs[i].cancel();  // each makes room
        co_await jobs[i].wait();
    }
    const eddy::LookupStatistics now = eddy::lookup_statistics();
    CHECK(now.queued == 7);
    CHECK(now.waiting == 0);
    // One thread is let go after the other: who is next is seen.
    for (std::size_t next = most_lookup_threads; next < most_lookup_threads + 6; ++next) {
        CHECK(resolver.last() != blocked_name(next));
        const std::size_t before = resolver.blocked();
        resolver.release(blocked_name(next - most_lookup_threads));
        co_await until_blocked(resolver, before + 1);
        CHECK(resolver.last() == blocked_name(next));
    }
    resolver.release(blocked_name(6));
    co_await until([&] { return resolver.last() == "known.other"; });
    CHECK(resolver.blocked("known.first") == 0);
    resolver.release();
    const Addresses found = co_await other;
    CHECK(found == known_addresses(80));
    const auto error = co_await failure_of(shared);
    CHECK(holds<IoError>(error));
    for (auto& job : jobs) {
        const auto ended = co_await failure_of(job);
        CHECK(ended);  // unknown, or cancelled
    }
}

EDDY_NET_TEST_FIFO("names beyond ASCII are asked for in Punycode") {
    co_await until_quiet();
    BlockedResolver resolver;
    resolver.release();
    const std::pair<const char*, const char*> names[] = {
        {"blocked.b\u00fccher.invalid", "blocked.xn--bcher-kva.invalid"},
        {"blocked.\u4ed6\u4eec\u4e3a\u4ec0\u4e48\u4e0d\u8bf4\u4e2d\u6587",
         "blocked.xn--ihqwcrb4cv8a8dqg056pqjye"},
        {"blocked.\u30d1\u30d5\u30a3\u30fcde\u30eb\u30f3\u30d0\u3002invalid",
         "blocked.xn--de-jg4avhby1noc0d.invalid"},
        {"blocked.plain-Name.invalid.", "blocked.plain-Name.invalid."},
    };
    for (const auto& [name, asked] : names) {
        const std::size_t before = resolver.blocked();
        const auto error = co_await error_of(eddy::resolve(name, 80));
        CHECK(holds<IoError>(error));
        CHECK(resolver.blocked() == before + 1);
        CHECK(resolver.last() == asked);
        const std::string text = as<IoError>(error).what();
        CHECK(text.find(std::string("resolve ") + name) == 0);  // as the user wrote it
    }
}

EDDY_NET_TEST_FIFO("what the resolver says is an error, and libuv's number of it") {
    struct Answer {
        int status;
        const char* text;
    };
    for (const Answer& answer : {Answer{EAI_AGAIN, "temporary failure"},
                                 Answer{EAI_BADFLAGS, "bad ai_flags value"},
                                 Answer{EAI_FAIL, "permanent failure"},
                                 Answer{EAI_FAMILY, "ai_family not supported"},
                                 Answer{EAI_MEMORY, "out of memory"},
                                 Answer{EAI_NONAME, "unknown node or service"},
                                 Answer{EAI_SERVICE, "service not available for socket type"},
                                 Answer{EAI_SOCKTYPE, "socket type not supported"},
#if defined(EAI_ADDRFAMILY)
                                 Answer{EAI_ADDRFAMILY, "address family not supported"},
#endif
#if defined(EAI_NODATA)
                                 Answer{EAI_NODATA, "no address"},
#endif
                                 Answer{EAI_OVERFLOW, "argument buffer overflow"}}) {
        const std::string name = "status." + std::to_string(-answer.status);
        const auto error = co_await error_of(eddy::resolve(name, 80));
        const std::error_code code = as<IoError>(error).code();
        CHECK(code.category() == eddy::resolve_category());
        CHECK(std::string(code.category().name()) == "resolve");
        CHECK_MESSAGE(code.message() == answer.text, name);
        CHECK(std::string(as<IoError>(error).what()).starts_with("resolve " + name));
    }
}

EDDY_NET_TEST_FIFO("an error of the system in the resolver is that error") {
    const std::string name = "status." + std::to_string(-EAI_SYSTEM);
    const auto error = co_await error_of(eddy::resolve(name, 80));
    CHECK(as<IoError>(error).code() == std::errc::io_error);
}

#if EDDY_SYSTEM_CALL_FAULTS && !defined(EDDY_NO_FORK)

/// Both are told.
Task<int> look_up_together() {
    const FailNth fault(SystemCall::pthread_create, EAGAIN, 1, FailNth::always);
    auto one = eddy::spawn(eddy::resolve("localhost", 80));
    auto other = eddy::spawn(eddy::resolve("localhost", 80));
    const auto first = co_await failure_of(one);
    const auto second = co_await failure_of(other);
    co_return holds<IoError>(first) && holds<IoError>(second) ? 0 : 6;
}

/// In a child: this process may have threads from an earlier lookup.
Task<int> look_up_without_threads() {
    for (int i = 0; i < 3; ++i) {
        const FailNth fault(SystemCall::pthread_create, EAGAIN, 1, FailNth::always);
        const auto error = co_await error_of(eddy::resolve("localhost", 80));
        if (!holds<IoError>(error)) {
            co_return 1;
        }
        const IoError failed = as<IoError>(error);
        if (failed.code() != std::errc::resource_unavailable_try_again ||
            std::string(failed.what()).find("resolve localhost: no thread could be started: ") !=
                0) {
            co_return 2;
        }
        const Addresses number = co_await eddy::resolve("127.0.0.1", 80);
        if (number.size() != 1) {
            co_return 3;
        }
    }
    const int together = co_await look_up_together();
    if (together != 0) {
        co_return together;
    }
    const Addresses found = co_await eddy::resolve("localhost", 80);  // there is one again
    if (found.empty()) {
        co_return 4;
    }
    const FailNth fault(SystemCall::pthread_create, EAGAIN, 1, FailNth::always);
    const Addresses again = co_await eddy::resolve("localhost", 80);  // the one that is there
    co_return again.empty() ? 5 : 0;
}

/// What may come after a moment in which there were no threads.
enum class Event { another_name, one_joins, one_leaves, statistics, the_first_ends };

/// One hangs, five are queued behind it for which there is no thread; then there is.
Task<int> after_shortage(Event event) {
    constexpr std::size_t queued = 5;
    BlockedResolver resolver;
    LookupJobs jobs = co_await hang(resolver, 1);
    {
        const FailNth fault(SystemCall::pthread_create, EAGAIN, 1, FailNth::always);
        LookupJobs more = ask_blocked(queued, 1);
        std::move(more.begin(), more.end(), std::back_inserter(jobs));
        co_await let_run();
        const eddy::LookupStatistics now = eddy::lookup_statistics();
        if (now.threads != 1 || now.queued != queued) {
            co_return 1;
        }
    }
    std::size_t expected = 1 + queued;
    if (event == Event::another_name) {
        jobs.push_back(eddy::spawn(eddy::resolve(blocked_name(expected++), 80)));
    } else if (event == Event::one_joins) {
        jobs.push_back(eddy::spawn(eddy::resolve(blocked_name(1), 80)));
    } else if (event == Event::one_leaves) {
        jobs[1].cancel();
        --expected;
    } else if (event == Event::statistics) {
        static_cast<void>(eddy::lookup_statistics());
    } else {
        resolver.release(blocked_name(0));
    }
    const auto late = std::chrono::steady_clock::now() + 5s;
    co_await until(
        [&] { return resolver.blocked() == expected || std::chrono::steady_clock::now() >= late; });
    const bool all = resolver.blocked() == expected;
    resolver.release();
    co_await end_all(jobs);
    co_return all ? 0 : 2;
}

/// In a child: this process may have threads from an earlier lookup.
TEST_CASE("lookups without a thread of their own get theirs at the next event") {
    for (const Event event : {Event::another_name,
                              Event::one_joins,
                              Event::one_leaves,
                              Event::statistics,
                              Event::the_first_ends}) {
        const ChildResult child = run_in_child([&] { return eddy::run(after_shortage(event)); });
        CHECK(child.exit_code == 0);
        CHECK(child.errors.empty());
    }
}

TEST_CASE("without a thread to be had a lookup is an error, and later ones are not") {
    const ChildResult child = run_in_child([] { return eddy::run(look_up_without_threads()); });
    CHECK(child.exit_code == 0);
    CHECK(child.errors.empty());
}

#endif

#if !defined(EDDY_NO_FORK)

Task<int> look_up() {
    const Addresses found = co_await eddy::resolve("localhost", 80);
    const eddy::LookupStatistics now = eddy::lookup_statistics();
    co_return found.empty() ? 1 : now.started != 1 || now.threads != 1 ? 2 : 0;
}

EDDY_NET_TEST_FIFO("a forked child looks names up on threads of its own") {
    co_await until_quiet();
    BlockedResolver resolver;
    leave_hanging(resolver);
    const pid_t parent = getpid();
    const ChildResult child = run_in_child([&] {
        // The job that forked: a loop of the child's own, in the middle of it.
        return getpid() != parent ? eddy::run(look_up()) : 9;
    });
    CHECK(child.exit_code == 0);
}

#endif

}  // namespace
