// SPDX-License-Identifier: MIT
#include "uv/async_waker.hpp"

namespace eddy::inline v0_1::detail {

int AsyncWaker::init(uv_loop_t* loop) noexcept {
    // The turn that follows every poll drains the inbox: the callback has nothing to add.
    return uv_async_init(loop, &handle_, [](uv_async_t*) {});
}

}  // namespace eddy::inline v0_1::detail
