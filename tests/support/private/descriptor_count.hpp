// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace eddy::testing {

/// How many descriptors this process has open.
///
/// Every test case of a test executable is compared before and after (`descriptor_count.cpp`); a
/// test calls this for what lies in between.
[[nodiscard]] std::size_t open_fds();

/// True once a test case ended with more or fewer descriptors than it began with.
[[nodiscard]] bool descriptors_leaked() noexcept;

}  // namespace eddy::testing
