// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

#include <eddy/time.hpp>

namespace simulation {

/// Those that the sample has unless it is told otherwise.
inline constexpr eddy::Duration chat_patience = std::chrono::seconds(5);
inline constexpr eddy::Duration chat_prompt = std::chrono::seconds(10);

}  // namespace simulation
