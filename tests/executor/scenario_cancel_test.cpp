// SPDX-License-Identifier: MIT
// The programs of tests/scenarios are cancelled at each of their checkpoints, in four ways: see
// eddy/testing/cancel_at.hpp. Nothing may be left, and no failure may come of it.
#include <cstddef>
#include <exception>
#include <string>

#include <doctest/doctest.h>

#include <eddy/testing/cancel_at.hpp>

#include "scenarios/scenario.hpp"

TEST_CASE("each program can be cancelled, and run out of time, at each of its checkpoints") {
    std::size_t points = 0;
    std::size_t programs = 0;
    for (const scenarios::Scenario& scenario : scenarios::all_scenarios()) {
        INFO(std::string(scenario.name));
        scenarios::Trace trace;
        try {
            points += eddy::testing::cancel_at_each_checkpoint([&] {
                trace = {};
                return scenario.run(trace);
            });
        } catch (const std::exception& error) {
            FAIL_CHECK(std::string(scenario.name) << " threw " << std::string(error.what()));
        }
        ++programs;
    }
    CHECK(points > 850);
    MESSAGE(programs << " programs, " << points << " checkpoints, each lost in four ways");
}
