// SPDX-License-Identifier: MIT
#include <eddy/detail/legible.hpp>

#include <cstddef>
#include <cstdint>

#include "base/utf8.hpp"

namespace eddy::inline v0_1::detail {

namespace {

constexpr bool is_control(char32_t point) noexcept {
    return point < 0x20 || (point >= 0x7F && point < 0xA0);
}

void append_bytes(std::string& to, std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (const char one : bytes) {
        const auto byte = static_cast<std::uint8_t>(one);
        to += "\\x";
        to += digits[byte / 16U];
        to += digits[byte % 16U];
    }
}

std::string write_legibly(std::string_view text, bool keeps_lines) {
    std::string written;
    written.reserve(text.size());
    while (!text.empty()) {
        const FirstCharacter character = first_character(text);
        const std::string_view bytes = text.substr(0, character.length != 0 ? character.length : 1);
        const bool line_or_tab = bytes == "\n" || bytes == "\t";
        if (line_or_tab && !keeps_lines) {
            written += bytes == "\n" ? "\\n" : "\\t";
        } else if (!line_or_tab && (character.length == 0 || is_control(character.point))) {
            append_bytes(written, bytes);
        } else {
            written += bytes;
        }
        text.remove_prefix(bytes.size());
    }
    return written;
}

}  // namespace

std::string legible(std::string_view text) { return write_legibly(text, false); }

std::string legible_lines(std::string_view text) { return write_legibly(text, true); }

}  // namespace eddy::inline v0_1::detail
