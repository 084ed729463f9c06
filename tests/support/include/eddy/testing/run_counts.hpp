// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace eddy::testing {

/// How much of its tests this process has run so far, for a report of how thorough that was.
struct RunCounts {
    std::uint64_t seeded = 0;    ///< bodies of coroutine tests under a random schedule
    std::uint64_t programs = 0;  ///< random programs beside a model
};

[[nodiscard]] RunCounts& run_counts() noexcept;

}  // namespace eddy::testing
