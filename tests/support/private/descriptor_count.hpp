// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace eddy::testing {

/// How many descriptors this process has open.
///
/// Every test case of a test executable is compared before and after (`descriptor_count.cpp`); a
/// test calls this for what lies in between.
[[nodiscard]] std::size_t open_fds();

/// The same, once it is `expected` or after a second: a lookup that nobody waits for any more has a
/// file or a socket of the system's resolver open, for as long as that takes.
[[nodiscard]] std::size_t open_fds_after_lookups(std::size_t expected);

/// True once a test case ended with more or fewer descriptors than it began with.
[[nodiscard]] bool descriptors_leaked() noexcept;

}  // namespace eddy::testing
