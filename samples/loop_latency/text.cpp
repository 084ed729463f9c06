// SPDX-License-Identifier: MIT
#include "text.hpp"

#include <array>
#include <cmath>
#include <cstdio>

std::string fixed(double value, int digits) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    return text.data();
}

std::string human(std::uint64_t nanoseconds) {
    const auto value = static_cast<double>(nanoseconds);
    if (value < 1e6) {
        return fixed(value / 1e3, 0) + " us";
    }
    return value < 1e9 ? fixed(value / 1e6, 1) + " ms" : fixed(value / 1e9, 2) + " s";
}

std::string human_ratio(double ratio) {
    if (ratio < 10) {
        return fixed(ratio, 1);
    }
    const double unit = std::pow(10.0, std::floor(std::log10(ratio)) - 1);
    std::string text = fixed(std::round(ratio / unit) * unit, 0);
    for (std::size_t digits = 3; digits < text.size(); digits += 4) {
        text.insert(text.size() - digits, 1, ',');
    }
    return text;
}
