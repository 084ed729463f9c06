// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include <eddy/task.hpp>

namespace eddy::testing {

/// Runs a scenario again and again, cancelling it at its first checkpoint, then at its second, and
/// so on until it gets through; returns how many checkpoints it has.
///
/// Each run has a loop and a virtual clock of its own. `scenario` runs in a scope, and that scope
/// is lost in four ways in turn: by a call of `cancel` and by its deadline, each of them on entry
/// of the n-th checkpoint any job makes inside, so that it throws there, and right after it, while
/// the job waits (or has just got what it wanted). Deadlines come as those of `move_on_after` do:
/// the one on entry has passed and can be seen (`current_effective_deadline`), the other one is due
/// a nanosecond later, before every other. Every run must end with an empty loop. `after`, if
/// given, is called when a run has ended: the place to check that nothing was lost.
///
///     const auto count = cancel_at_each_checkpoint([] { return transfer_scenario(); });
///
/// With a seed, jobs that are ready run in random order, the same in every run.
///
/// Throws: what the scenario throws, other than `Cancelled`.
/// Source: trio issue 77; SQLite's tests that fail the n-th call.
std::size_t cancel_at_each_checkpoint(const std::function<Task<>()>& scenario,
                                      const std::function<void()>& after = {},
                                      std::optional<std::uint64_t> schedule_seed = std::nullopt);

}  // namespace eddy::testing
