// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace eddy::inline v0_1::detail {

/// `prefix`, thirteen letters and digits that nobody can guess, `suffix`: the name of something
/// temporary.
///
/// Without the system's random numbers (a kernel too old for them, or one that has just started)
/// they are made of time, process and place: rarely the same, but not beyond guessing. Whoever
/// makes a file of that name makes it anew (`O_EXCL`), so that a good guess is only in its way.
[[nodiscard]] std::string random_name(std::string_view prefix, std::string_view suffix);

/// How often to try another name when one is taken.
inline constexpr int name_attempts = 100;

}  // namespace eddy::inline v0_1::detail
