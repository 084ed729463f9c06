// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <uv.h>

#include <eddy/detail/fork_generation.hpp>

namespace eddy::inline v0_1::detail {

/// Wakes a loop with an eventfd that it polls. The system calls are those of a uv_async_t, but
/// whoever wakes and whoever is woken share nothing else, so neither ever waits for the other.
///
/// Where the system has no eventfd, `init` is UV_ENOSYS.
class EventfdWaker final {
public:
    EventfdWaker() = default;
    EventfdWaker(const EventfdWaker&) = delete;
    EventfdWaker& operator=(const EventfdWaker&) = delete;
    ~EventfdWaker();

    /// Returns a libuv result; no handle is open if it is negative.
    [[nodiscard]] int init(uv_loop_t* loop) noexcept;

    /// Any thread, from `init` until the handle starts to close.
    void wake() noexcept;

    [[nodiscard]] uv_handle_t* handle() noexcept {
        return reinterpret_cast<uv_handle_t*>(&handle_);
    }

private:
    uv_poll_t handle_{};  // the first member, for its callback
    int fd_ = -1;
    std::uint32_t generation_ = fork_generation();
};

}  // namespace eddy::inline v0_1::detail
