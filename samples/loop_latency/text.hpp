// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

/// A number with so many digits after the point.
[[nodiscard]] std::string fixed(double value, int digits);

/// A time as a person says it: "31 us", "4.2 ms", "1.50 s".
[[nodiscard]] std::string human(std::uint64_t nanoseconds);

/// A ratio as a person says it, to two digits: "1.9", "25", "1,300".
[[nodiscard]] std::string human_ratio(double ratio);
