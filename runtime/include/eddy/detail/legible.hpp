// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// A text that others have had a hand in (a peer's name in an error), for a log or a terminal, in
/// one line: control characters, C1's among them, and bytes that are no UTF-8 are written as
/// "\x1b", a line feed as "\n". So nobody forges a line, sets a title or moves the cursor.
[[nodiscard]] EDDY_API std::string legible(std::string_view text);

/// The same for a text that may have lines of its own: they stay, and so do tabulators.
[[nodiscard]] EDDY_API std::string legible_lines(std::string_view text);

}  // namespace eddy::inline v0_1::detail
