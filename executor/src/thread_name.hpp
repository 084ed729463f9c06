// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace eddy::inline v0_1::detail {

/// Names the current thread for debuggers and `top`. Does its best: systems cut names off.
void set_thread_name(const std::string& name) noexcept;

}  // namespace eddy::inline v0_1::detail
