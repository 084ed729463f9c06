// SPDX-License-Identifier: MIT
#include <eddy/testing/coroutine_test.hpp>

#include <cstdlib>
#include <string>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/testing/run_counts.hpp>

#include "inventory.hpp"

namespace eddy::testing {

namespace {

/// The test that runs on this thread.
struct Current {
    VirtualClock clock;
    RecordingObserver observer;
    bool failures_expected = false;
};

thread_local Current* current = nullptr;

Current& require_current() {
    if (current == nullptr) {
        throw InvalidState("no coroutine test runs on this thread: use EDDY_TEST_CASE");
    }
    return *current;
}

std::uint64_t number_from(const char* variable) {
    const char* text = std::getenv(variable);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : 0;
}

void run_once(const std::function<Task<>()>& body,
              std::optional<std::uint64_t> seed,
              Duration grace) {
    Current here;
    struct Restore {
        Current* outer;
        ~Restore() { current = outer; }
    } restore{std::exchange(current, &here)};

    Loop loop({.clock = &here.clock, .observer = &here.observer, .schedule_seed = seed});
    loop.run(leaving_unchanged(body()), {.grace = grace});

    CHECK_MESSAGE(loop.statistics().jobs_alive == 0, "jobs outlived their loop");
    CHECK_MESSAGE(loop.statistics().deadlines == 0, "deadlines outlived their loop");
    for (const std::string& backtrace : here.observer.abandoned) {
        FAIL_CHECK("a job ignored its cancellation: " << backtrace);
    }
    if (!here.failures_expected) {
        for (const RecordingObserver::Failure& failure : here.observer.failures) {
            FAIL_CHECK("a failure nobody collected, " << failure.where << ": " << failure.message);
        }
    }
}

}  // namespace

RunCounts& run_counts() noexcept {
    static RunCounts counts;  // of the thread that runs the tests
    return counts;
}

std::vector<std::optional<std::uint64_t>> schedules() {
    if (std::getenv("EDDY_SEED") != nullptr) {
        return {number_from("EDDY_SEED")};
    }
    std::vector<std::optional<std::uint64_t>> all = {std::nullopt};
    constexpr std::uint64_t every_day = 2;
    const std::uint64_t seeds =
        std::getenv("EDDY_SEEDS") != nullptr ? number_from("EDDY_SEEDS") : every_day;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        all.emplace_back(seed);
    }
    return all;
}

void run_test(const std::function<Task<>()>& body, Order order, Duration grace) {
    if (order == Order::fifo) {
        run_once(body, std::nullopt, grace);
        return;
    }
    for (const std::optional<std::uint64_t> seed : schedules()) {
        const std::string schedule =
            seed ? "EDDY_SEED=" + std::to_string(*seed) : std::string("FIFO schedule");
        INFO(schedule);
        run_counts().seeded += seed ? 1U : 0U;
        try {
            run_once(body, seed, grace);
        } catch (...) {
            MESSAGE("under " << schedule);  // doctest forgets INFO while it unwinds
            throw;
        }
    }
}

std::vector<RecordingObserver::Failure>& expected_failures() {
    Current& here = require_current();
    here.failures_expected = true;
    return here.observer.failures;
}

VirtualClock& test_clock() { return require_current().clock; }

}  // namespace eddy::testing
