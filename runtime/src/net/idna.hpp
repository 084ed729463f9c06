// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace eddy::inline v0_1::detail {

/// Of a name in DNS, in bytes, as the resolver gets it.
inline constexpr std::size_t longest_name = 253;

/// It is as resolvers take it.
[[nodiscard]] bool is_ascii(std::string_view name) noexcept;

/// A host name as resolvers take it: labels with letters beyond ASCII in Punycode (RFC 3492,
/// "xn--..."), everything else as it is. Of RFC 5891 this is the encoding alone: letters are
/// neither folded nor checked.
///
/// Throws: `std::invalid_argument` for bytes that are no UTF-8, and for a name that is longer than
///         `longest_name` then; `std::bad_alloc`.
[[nodiscard]] std::string to_ascii_name(std::string_view name);

}  // namespace eddy::inline v0_1::detail
