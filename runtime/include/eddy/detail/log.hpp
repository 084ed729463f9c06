// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace eddy::detail {

/// What the library's layers say through the spdlog logger "eddy".
void log_warning(std::string_view text) noexcept;

}  // namespace eddy::detail
