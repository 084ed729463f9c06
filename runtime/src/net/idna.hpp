// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace eddy::inline v0_1::detail {

/// A host name as resolvers take it: labels with letters beyond ASCII in Punycode (RFC 3492,
/// "xn--..."), everything else as it is. Of RFC 5891 this is the encoding alone: letters are
/// neither folded nor checked.
///
/// Throws: `std::invalid_argument` for bytes that are no UTF-8; `std::bad_alloc`.
[[nodiscard]] std::string to_ascii_name(std::string_view name);

}  // namespace eddy::inline v0_1::detail
