// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace eddy::inline v0_1::detail {

/// Throws `IoError` ("`what` `name`: reason").
[[noreturn]] void throw_io_error(int error, const std::string& what);

/// Whose fault an errno of a connection is: the peer's, or the way's to it.
[[nodiscard]] bool is_fault_of_peer(int error) noexcept;

}  // namespace eddy::inline v0_1::detail
