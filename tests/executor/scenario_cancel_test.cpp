// SPDX-License-Identifier: MIT
// The programs of tests/scenarios are cancelled at each of their checkpoints, in four ways: see
// eddy/testing/cancel_at.hpp. Nothing may be left, and no failure may come of it; first in first
// out, and under one seed of ten that EDDY_SEEDS says, two unless it does.
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>

#include "scenarios/scenario.hpp"

namespace {

std::vector<std::optional<std::uint64_t>> orders() {
    std::vector<std::optional<std::uint64_t>> all = eddy::testing::schedules();
    const std::size_t every_day = 3;
    const std::size_t some = all.size() / 10;
    if (all.size() > every_day) {
        all.resize(some > every_day ? some : every_day);
    }
    return all;
}

std::size_t cancel_each(const scenarios::Scenario& scenario, std::optional<std::uint64_t> seed) {
    const std::string which = seed ? "EDDY_SEED=" + std::to_string(*seed) : "first in first out";
    const std::string name(scenario.name);
    INFO(name, ", ", which);
    scenarios::Trace trace;
    const auto run = [&] {
        trace = {};
        return scenario.run(trace);
    };
    try {
        return eddy::testing::cancel_at_each_checkpoint(run, {}, seed);
    } catch (const std::exception& error) {
        FAIL_CHECK(name << ", " << which << ", threw " << std::string(error.what()));
    }
    return 0;
}

}  // namespace

TEST_CASE("each program can be cancelled, and run out of time, at each of its checkpoints") {
    const std::vector<scenarios::Scenario> all = scenarios::all_scenarios();
    for (const std::optional<std::uint64_t> seed : orders()) {
        std::size_t points = 0;
        for (const scenarios::Scenario& scenario : all) {
            points += cancel_each(scenario, seed);
        }
        CHECK(points > 850);
        if (!seed) {
            MESSAGE(all.size() << " programs, " << points
                               << " checkpoints, each lost in four ways");
        }
    }
}
