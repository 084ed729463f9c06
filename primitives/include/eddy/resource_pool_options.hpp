// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

/// What becomes of a resource whose lease ends without `release` or `discard`: its job has come to
/// the end of a block, has failed, or was cancelled.
enum class OnDrop : std::uint8_t {
    give_back,  ///< others get it: right if it is as good as new between any two awaits
    close,      ///< a job that was cut off may have left it in the middle of something
};

/// The limits of a `ResourcePool`.
struct EDDY_VISIBLE ResourcePoolOptions {
    static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();
    static constexpr Duration no_end = Duration::max();

    /// Resources alive: lent, idle and being made. At least 1.
    detail::Count max_total = 16;
    /// Of one key, at least 1.
    detail::Count max_per_key = no_limit;
    /// Idle ones of one key; 0 keeps none. When there are more, the longest idle one is closed.
    detail::Count max_idle = no_limit;
    /// An idle one is closed after that time, or soon after.
    Duration max_idle_time = std::chrono::seconds(60);
    /// One that is older is closed when it is given back, or while it is idle; nobody is disturbed.
    /// Each has up to a tenth less, so that those made together do not end together: how much
    /// depends on how many were made before it, and is the same in every run.
    Duration max_lifetime = no_end;
    /// `ResourceHooks::check` is asked about those that were idle for longer; 0: about all that
    /// were idle.
    Duration check_after{};
    OnDrop on_drop = OnDrop::give_back;
};

struct EDDY_VISIBLE ResourcePoolStatistics {
    std::size_t lent = 0;     ///< leased, or granted to a job that has not run yet
    std::size_t idle = 0;     ///< to be had at once
    std::size_t making = 0;   ///< granted a place, which is being filled
    std::size_t waiting = 0;  ///< jobs
    std::size_t keys = 0;     ///< with resources, or jobs that want some
    bool closed = false;

    std::uint64_t made = 0;      ///< so far
    std::uint64_t acquired = 0;  ///< leases so far
    std::uint64_t reused = 0;    ///< those of them that were not made for it
    std::uint64_t failed = 0;    ///< how often `make` threw, other than `Cancelled`

    // Closed so far, by reason:
    std::uint64_t broken = 0;         ///< discarded, found broken, or failed its check
    std::uint64_t expired = 0;        ///< older than `max_lifetime`
    std::uint64_t idle_too_long = 0;  ///< for `max_idle_time`
    std::uint64_t surplus = 0;        ///< more idle than `max_idle`, or in the way of another key
    std::uint64_t dropped = 0;        ///< under `OnDrop::close`
    std::uint64_t retired = 0;        ///< because the pool was closed, or its loop has ended
};

}  // namespace eddy::inline v0_1
