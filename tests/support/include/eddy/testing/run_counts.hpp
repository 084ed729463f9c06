// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace eddy::testing {

/// How much of its tests this process has run so far, for a report of how thorough that was.
struct RunCounts {
    std::uint64_t seeded = 0;       ///< bodies of coroutine tests under a random schedule
    std::uint64_t programs = 0;     ///< random programs beside a model
    std::uint64_t checkpoints = 0;  ///< of the scenarios of `cancel_at_each_checkpoint`
    std::uint64_t cancelled = 0;    ///< their runs that were cancelled at one
};

[[nodiscard]] RunCounts& run_counts() noexcept;

}  // namespace eddy::testing
