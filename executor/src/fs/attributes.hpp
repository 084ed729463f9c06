// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace eddy::inline v0_1::detail {

/// Gives one file what another one has: attributes of the user (`user.*`) and the access list. Not
/// labels of security modules, which the system gives as it sees fit, nor capabilities, which are
/// of the old content. Where there is no such thing, it does nothing.
///
/// Throws: `IoError`, "VERB PATH (its attribute NAME): ...".
void copy_attributes(int from, int to, std::string_view verb, std::string_view path);

}  // namespace eddy::inline v0_1::detail
