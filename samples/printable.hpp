// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// What of a text may go to somebody else's terminal: everything in UTF-8 but the control
/// characters, C1's among them, which begin sequences that move the cursor, set colours or titles,
/// or make a terminal answer. Bytes that are no UTF-8 are left out too.
inline std::string printable(std::string_view text) {
    std::string kept;
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
        const std::uint8_t first = byte(i);
        const std::size_t length = first < 0x80   ? 1
                                   : first < 0xC2 ? 0
                                   : first < 0xE0 ? 2
                                   : first < 0xF0 ? 3
                                   : first < 0xF5 ? 4
                                                  : 0;
        bool good = length != 0 && length <= text.size() - i;
        std::uint32_t point = length == 1 ? first : first & (0xFFU >> (length + 1));
        for (std::size_t k = 1; good && k < length; ++k) {
            good = (byte(i + k) & 0xC0U) == 0x80;
            point = point << 6U | (byte(i + k) & 0x3FU);
        }
        // Longer than needed, half of a UTF-16 pair, past the end.
        good = good && !(length == 3 && (point < 0x800 || (point >= 0xD800 && point < 0xE000))) &&
               !(length == 4 && (point < 0x10000 || point > 0x10FFFF));
        if (good && point >= 0x20 && (point < 0x7F || point > 0x9F)) {
            kept += text.substr(i, length);
        }
        i += good ? length : 1;
    }
    return kept;
}
