// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace eddy::testing {

/// How often this thread has called the global operator new; 0 under the sanitizers of clang.
[[nodiscard]] std::uint64_t allocations() noexcept;

}  // namespace eddy::testing
