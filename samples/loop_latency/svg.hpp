// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>

#include <eddy/histogram.hpp>

#include "way.hpp"

/// The lag distributions side by side: one panel for each way, latency upwards on a logarithmic
/// scale, the share of heartbeats to the right; a line shows the idle loop's.
[[nodiscard]] std::string to_svg(const eddy::Histogram& idle, std::span<const Way> ways);
