// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <eddy/task.hpp>

#include "trace.hpp"

namespace scenarios {

/// A small program over some of the library, and what it must do under every order of ready jobs.
struct Scenario {
    std::string_view name;
    eddy::Task<> (*run)(Trace& trace);
    std::string_view expected;  ///< `Trace::text()` of a run that nobody cancels
};

/// All of them: nearly every operation of the library stands in one at least.
[[nodiscard]] std::vector<Scenario> all_scenarios();

/// Those of each file.
[[nodiscard]] std::vector<Scenario> time_scenarios();
[[nodiscard]] std::vector<Scenario> job_scenarios();
[[nodiscard]] std::vector<Scenario> lock_scenarios();
[[nodiscard]] std::vector<Scenario> exchange_scenarios();
[[nodiscard]] std::vector<Scenario> stream_scenarios();
[[nodiscard]] std::vector<Scenario> thread_scenarios();

/// Runs it on a loop and a virtual clock of its own, in first-in first-out order or by a seed;
/// returns what it has done. What it throws, leaves behind or fails to collect is in the text.
[[nodiscard]] Trace run_scenario(const Scenario& scenario, std::optional<std::uint64_t> seed);

}  // namespace scenarios
