// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <eddy/detail/export.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

/// What the lookups of a process are doing, those of `resolve` and of `connect(host, port)`. A call
/// of the system's resolver counts once, however many jobs wait for it.
struct EDDY_VISIBLE LookupStatistics {
    std::size_t threads = 0;    ///< 16 at most, idle ones included
    std::size_t running = 0;    ///< calls that are in the resolver
    std::size_t abandoned = 0;  ///< of `running`: nobody waits for them any more
    std::size_t queued = 0;     ///< for a thread, 1,024 at most
    std::size_t waiting = 0;    ///< for a place among those: a resolver that cannot keep up
    Duration oldest = Duration::zero();  ///< how long the first of `running` has been
    std::uint64_t started = 0;           ///< calls since the process began
    std::uint64_t failed = 0;            ///< of `started`: have ended with an error
    std::uint64_t shared = 0;            ///< jobs that joined the call of another
};

/// Now. A child after `fork` begins with zeros.
///
/// Threading: any thread, with or without a loop.
/// Cost:      a lock that is held for no longer than it takes to start a thread.
[[nodiscard]] EDDY_API LookupStatistics lookup_statistics() noexcept;

}  // namespace eddy::inline v0_1
