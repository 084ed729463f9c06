// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

namespace eddy::inline v0_1::detail {

/// The character that a text begins with.
struct FirstCharacter {
    char32_t point;
    std::size_t length;  ///< in bytes; 0: they are no UTF-8
};

/// Strict: nothing longer than needed, no half of a UTF-16 pair, nothing past U+10FFFF.
/// Requires: not empty.
[[nodiscard]] FirstCharacter first_character(std::string_view text) noexcept;

/// The beginning of a text, `most` bytes or, so that it does not end within a character, up to
/// three fewer.
[[nodiscard]] std::string_view whole_characters(std::string_view text, std::size_t most) noexcept;

}  // namespace eddy::inline v0_1::detail
