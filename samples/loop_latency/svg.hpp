// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>

#include "ways.hpp"

/// The lag distributions side by side: one panel for each way, latency upwards on a logarithmic
/// scale, the share of heartbeats to the right.
[[nodiscard]] std::string to_svg(std::span<const Way> ways);
