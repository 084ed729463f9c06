// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>

#include <eddy/histogram.hpp>

#include "way.hpp"

/// Writes to standard output, at once, or throws `std::system_error`.
void show(const std::string& text);

/// One line: what the heartbeat shows on a loop that has nothing else to do.
[[nodiscard]] std::string describe_idle(const eddy::Histogram& idle);

/// Figures and a small histogram.
[[nodiscard]] std::string describe(const Way& way);

/// One sentence: what `offloaded` has gained over `blocking`.
[[nodiscard]] std::string describe_gain(const Way& blocking, const Way& offloaded);
