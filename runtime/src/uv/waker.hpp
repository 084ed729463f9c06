// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <uv.h>

#include <eddy/detail/fork_generation.hpp>

#if defined(__linux__) && UV_VERSION_HEX < 0x012d00
#define EDDY_WAKE_BY_EVENTFD 1
#else
#define EDDY_WAKE_BY_EVENTFD 0
#endif

namespace eddy::inline v0_1::detail {

/// What makes a loop's poll return from any thread: a uv_async_t.
///
/// Before 1.45 a loop that is awake before `uv_async_send` has returned spins until it has, then
/// calls sched_yield. On one processor the woken loop pre-empts its sender inside the write, so
/// this is the rule there, and under Linux's fair scheduler the yield costs the loop the rest of
/// the sender's time slice: 4 ms. So with these versions it is an eventfd that the loop polls; the
/// system calls are the same.
class Waker final {
public:
    Waker() = default;
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;
    ~Waker();

    /// Returns a libuv result; no handle is open if it is negative.
    [[nodiscard]] int init(uv_loop_t* loop) noexcept;

    /// Any thread, from `init` until the handle starts to close.
    void wake() noexcept;

    /// For its owner to set the data of, to unref and to close.
    [[nodiscard]] uv_handle_t* handle() noexcept {
        return reinterpret_cast<uv_handle_t*>(&handle_);
    }

private:
#if EDDY_WAKE_BY_EVENTFD
    uv_poll_t handle_{};  // the first member, for its callback
    int fd_ = -1;
    std::uint32_t generation_ = fork_generation();
#else
    uv_async_t handle_{};
#endif
};

}  // namespace eddy::inline v0_1::detail
