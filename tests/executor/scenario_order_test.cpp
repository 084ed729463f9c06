// SPDX-License-Identifier: MIT
// The programs of tests/scenarios do the same whatever the order of ready jobs: first in first out,
// and under as many seeds as EDDY_SEEDS says, 50 unless it does.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/lock.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/run_counts.hpp>

#include "scenarios/scenario.hpp"

namespace {

using scenarios::run_scenario;
using scenarios::Scenario;
using scenarios::Trace;

std::vector<std::optional<std::uint64_t>> orders() {
    if (std::getenv("EDDY_SEEDS") != nullptr || std::getenv("EDDY_SEED") != nullptr) {
        return eddy::testing::schedules();
    }
    std::vector<std::optional<std::uint64_t>> all = {std::nullopt};
    constexpr std::uint64_t every_day = 50;
    for (std::uint64_t seed = 1; seed <= every_day; ++seed) {
        all.emplace_back(seed);
    }
    return all;
}

/// The first order that does something else; nothing if there is none.
struct Difference {
    std::optional<std::uint64_t> seed;
    std::string text;
};
std::optional<Difference> first_difference(const Scenario& scenario) {
    const std::uint64_t expected = Trace::hash_of(scenario.expected);
    for (const std::optional<std::uint64_t> seed : orders()) {
        const Trace trace = run_scenario(scenario, seed);
        eddy::testing::run_counts().seeded += seed ? 1U : 0U;
        if (trace.hash() != expected) {
            return Difference{seed, trace.text()};
        }
    }
    return std::nullopt;
}

/// Whoever gets the lock first depends on the order, and it tells.
eddy::Task<> tells_who_came_first(Trace& trace) {
    eddy::Lock lock;
    const auto body = [&](eddy::TaskGroup& group) -> eddy::Task<> {
        const auto works = [&](std::string who) -> eddy::Task<> {
            const auto guard = co_await lock.acquire();
            co_await eddy::sleep_for(std::chrono::seconds(1));
            trace.note("lock", who);
        };
        group.spawn(works, "a");
        group.spawn(works, "b");
        group.spawn(works, "c");
        co_return;
    };
    co_await eddy::with_task_group(body);
}

}  // namespace

TEST_CASE("what a program does is what its model says, in every order of ready jobs") {
    const std::vector<Scenario> all = scenarios::all_scenarios();
    CHECK(all.size() >= 40);
    std::uint64_t together = 0;
    for (const Scenario& scenario : all) {
        const auto difference = first_difference(scenario);
        if (difference) {
            FAIL_CHECK(std::string(scenario.name)
                       << ", "
                       << (difference->seed ? "EDDY_SEED=" + std::to_string(*difference->seed)
                                            : std::string("first in first out"))
                       << ", does\n"
                       << difference->text << "and should do\n"
                       << std::string(scenario.expected));
        }
        together = together * 31 + Trace::hash_of(scenario.expected);
    }
    MESSAGE(all.size() << " programs in " << orders().size() << " orders each, trace hash "
                       << together);
}

TEST_CASE("a program that depends on the order is found") {
    const Scenario depends{
        "who came first", tells_who_came_first, "lock: 1000 a, 2000 b, 3000 c\n~: 3000 over\n"};
    CHECK(run_scenario(depends, std::nullopt).text() == depends.expected);
    std::size_t others = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        others += run_scenario(depends, seed).hash() != Trace::hash_of(depends.expected) ? 1U : 0U;
    }
    CHECK(others > 5);  // of five orders in six
}
