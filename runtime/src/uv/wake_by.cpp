// SPDX-License-Identifier: MIT
#include <eddy/wake_by.hpp>

#include <uv.h>

namespace eddy::inline v0_1 {

WakeBy wake_by() noexcept {
#if defined(EDDY_WAKE_UV_ASYNC)
    return WakeBy::uv_async;
#elif defined(EDDY_WAKE_EVENTFD)
    return WakeBy::eventfd;
#elif defined(EDDY_WAKE_AUTO) && defined(__linux__)
    // A shared libuv may be older or newer than the header: only the process that runs can tell.
    return uv_version() < 0x012d00 ? WakeBy::eventfd : WakeBy::uv_async;
#else
    return WakeBy::uv_async;
#endif
}

}  // namespace eddy::inline v0_1
