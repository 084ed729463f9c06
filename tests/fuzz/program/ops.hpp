// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/task.hpp>

#include "world.hpp"

namespace eddy::fuzz {

/// Runs operations one after the other.
[[nodiscard]] Task<> run_block(World& world, Operations block);

/// Each of these makes the operation of a node, or nothing if it knows none.
[[nodiscard]] Task<> flow_operation(World& world, const Node& node);
[[nodiscard]] Task<> grant_operation(World& world, const Node& node);
[[nodiscard]] Task<> item_operation(World& world, const Node& node);
[[nodiscard]] Task<> told_operation(World& world, const Node& node);
[[nodiscard]] Task<> select_operation(World& world, const Node& node);
[[nodiscard]] Task<> outside_operation(World& world, const Node& node);
[[nodiscard]] Task<> more_operation(World& world, const Node& node);

/// Each of the operations as a job of its own, which returns its number.
[[nodiscard]] std::vector<Task<int>> bodies(World& world, Operations block);
/// A scope of the program that is entered, or null.
[[nodiscard]] CancelScope* pick_scope(World& world, std::uint8_t which);

/// The main job.
[[nodiscard]] Task<> run_program(World& world, Operations main);
/// One that ends in the middle of it all.
[[nodiscard]] Task<> tear_program(World& world, Operations main, Duration after);

}  // namespace eddy::fuzz
