// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <eddy/detail/compiler.hpp>  // IWYU pragma: keep
#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

class Job;
class LoopCore;
class PromiseBase;

/// Symmetric transfers in a row before the stack is unwound to the run loop. Below -O2, and under
/// sanitizers, g++ makes no tail call of them: without a bound each await of a child that finishes
/// at once would leave a stack frame behind. Invisible to the user, and not the job's budget.
inline constexpr std::uint32_t max_hops = 64;

/// What this thread is doing. Everything here is read on the way to every await, so it is constant
/// initialised: no guard, one segment-relative load.
struct ThreadState {
    LoopCore* core;       ///< the thread's loop, while it runs or is attached
    Job* job;             ///< the job that is running, null in callbacks
    PromiseBase* bounce;  ///< where the run loop goes on after too many hops
    std::uint32_t hops;   ///< what is left of max_hops

    /// Of the thread, from its first loop on, and never another's, as an address would be; 0 before
    /// that, and in a child that was forked while a loop ran here.
    std::uint64_t identity;
    /// In such a child: what the identity was in the parent. Objects of that one may be destroyed.
    std::uint64_t inherited;
};

EDDY_THREAD_STATE extern constinit thread_local ThreadState thread_state;

/// A loop runs, or is attached, on this thread from now on. Returns the thread's identity.
EDDY_API std::uint64_t loop_begins() noexcept;
/// It runs no more on the thread of that identity. Whoever hears that from `loop_is_over` sees all
/// that the loop has done.
EDDY_API void loop_ends(std::uint64_t identity) noexcept;
/// No loop runs on the thread of that identity. False if that cannot be told.
[[nodiscard]] EDDY_API bool loop_is_over(std::uint64_t identity) noexcept;
/// In a forked child: none of the loops there were is there.
EDDY_API void forget_loops() noexcept;

}  // namespace eddy::inline v0_1::detail
