// SPDX-License-Identifier: MIT
#pragma once

#include <uv.h>

namespace eddy::inline v0_1::detail {

/// Wakes a loop as libuv has it: with a uv_async_t.
///
/// Before 1.45 a loop that is awake before `uv_async_send` has returned spins until it has, then
/// calls sched_yield. On one processor the woken loop pre-empts its sender inside the write, so
/// this is the rule there: 25 us of spinning, and under Linux's fair scheduler the yield may cost
/// the loop the rest of the sender's time slice, 4 ms.
class AsyncWaker final {
public:
    AsyncWaker() = default;
    AsyncWaker(const AsyncWaker&) = delete;
    AsyncWaker& operator=(const AsyncWaker&) = delete;
    ~AsyncWaker() = default;

    /// Returns a libuv result; no handle is open if it is negative.
    [[nodiscard]] int init(uv_loop_t* loop) noexcept;

    /// Any thread, from `init` until the handle starts to close.
    void wake() noexcept { uv_async_send(&handle_); }

    [[nodiscard]] uv_handle_t* handle() noexcept {
        return reinterpret_cast<uv_handle_t*>(&handle_);
    }

private:
    uv_async_t handle_{};
};

}  // namespace eddy::inline v0_1::detail
