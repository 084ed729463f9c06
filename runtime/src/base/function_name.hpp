// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace eddy::inline v0_1::detail {

/// What a person calls the function that a `source_location` names, whatever the compiler adds:
/// "Session::run" of "eddy::Task<void> {anonymous}::Session::run(int) [with T = int]" and of g++'s
/// "void {anonymous}::Session::run({anonymous}::Session::run(int)::_ZN...Frame*)"; a lambda is
/// "main::<lambda>".
[[nodiscard]] std::string short_function_name(std::string_view pretty);

}  // namespace eddy::inline v0_1::detail
