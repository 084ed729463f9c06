// SPDX-License-Identifier: MIT
#pragma once

#include <uv.h>

#include <eddy/wake_by.hpp>

#include "uv/async_waker.hpp"
#include "uv/eventfd_waker.hpp"

namespace eddy::inline v0_1::detail {

/// What makes a loop's poll return from any thread, in the way that `wake_by` says.
class Waker final {
public:
    Waker() = default;
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;
    ~Waker() = default;

    /// Returns a libuv result; no handle is open if it is negative.
    [[nodiscard]] int init(uv_loop_t* loop) noexcept {
        return by_eventfd_ ? eventfd_.init(loop) : async_.init(loop);
    }

    /// Any thread, from `init` until the handle starts to close.
    void wake() noexcept { by_eventfd_ ? eventfd_.wake() : async_.wake(); }

    /// For its owner to set the data of, to unref and to close.
    [[nodiscard]] uv_handle_t* handle() noexcept {
        return by_eventfd_ ? eventfd_.handle() : async_.handle();
    }

private:
    // Only one of the two is ever initialised; the other is memory.
    const bool by_eventfd_ = wake_by() == WakeBy::eventfd;
    AsyncWaker async_;
    EventfdWaker eventfd_;
};

}  // namespace eddy::inline v0_1::detail
