// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <string_view>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

/// Hands a failure that nobody can collect any more to the loop's observers, as the end of a
/// detached job would; outside a loop it is logged. For primitives that keep other people's errors.
///
/// `where` says what it comes from, "Future": a literal.
EDDY_API void report_failure(std::exception_ptr error, std::string_view where) noexcept;

}  // namespace eddy::inline v0_1
