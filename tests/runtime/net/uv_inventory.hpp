// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <uv.h>

#include <eddy/loop.hpp>

/// What libuv knows of the running loop.

namespace eddy::testing {

/// Handles of the running loop, whatever their state.
inline std::size_t open_handles() {
    std::size_t count = 0;
    uv_walk(
        Loop::current().uv_loop(),
        [](uv_handle_t*, void* counter) { ++*static_cast<std::size_t*>(counter); },
        &count);
    return count;
}

/// Descriptors the loop would be woken for. (Its own may be one of them: look at changes.)
inline int armed() {
    int count = 0;
    uv_walk(
        Loop::current().uv_loop(),
        [](uv_handle_t* handle, void* counter) {
            *static_cast<int*>(counter) +=
                handle->type == UV_POLL && uv_is_active(handle) != 0 ? 1 : 0;
        },
        &count);
    return count;
}

}  // namespace eddy::testing
