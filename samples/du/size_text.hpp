// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

/// "1536" as "1.5K": in units of 1024, rounded up, with a tenth if it is less than ten.
inline std::string human_size(std::uint64_t bytes) {
    if (bytes < 1024) {
        return std::to_string(bytes);
    }
    const char* unit = "KMGTPE";
    std::uint64_t scale = 1024;
    while (bytes / scale >= 1024) {
        scale *= 1024;
        ++unit;
    }
    const std::uint64_t rest = bytes % scale;
    const std::uint64_t tenths =
        bytes / scale * 10 + (rest * 10 / scale) + (rest * 10 % scale != 0 ? 1U : 0U);
    if (tenths < 100) {
        return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + *unit;
    }
    const std::uint64_t whole = bytes / scale + (rest != 0 ? 1U : 0U);
    if (whole == 1024 && *unit != 'E') {
        return std::string("1.0") + *(unit + 1);
    }
    return std::to_string(whole) + *unit;
}
