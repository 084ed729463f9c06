// SPDX-License-Identifier: MIT
#include "base/utf8.hpp"

#include <cstdint>

namespace eddy::inline v0_1::detail {

namespace {

constexpr bool continues(char byte) noexcept {
    return (static_cast<std::uint8_t>(byte) & 0xC0U) == 0x80;
}

}  // namespace

FirstCharacter first_character(std::string_view text) noexcept {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const std::uint8_t first = byte(0);
    const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    bool good = (first < 0x80 || first >= 0xC2) && first < 0xF5 && length <= text.size();
    char32_t point = length == 1 ? first : first & (0xFFU >> (length + 1));
    for (std::size_t i = 1; good && i < length; ++i) {
        good = continues(text[i]);
        point = point << 6U | (byte(i) & 0x3FU);
    }
    good = good && !(length == 3 && (point < 0x800 || (point >= 0xD800 && point < 0xE000))) &&
           !(length == 4 && (point < 0x10000 || point > 0x10FFFF));
    return {point, good ? length : 0};
}

std::string_view whole_characters(std::string_view text, std::size_t most) noexcept {
    if (text.size() <= most) {
        return text;
    }
    std::size_t length = most;
    while (length != 0 && most - length < 3 && continues(text[length])) {
        --length;
    }
    // What has more than three such bytes is no UTF-8, and is cut anywhere.
    return text.substr(0, continues(text[length]) ? most : length);
}

}  // namespace eddy::inline v0_1::detail
