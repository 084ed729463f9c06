// SPDX-License-Identifier: MIT
#include <eddy/portal_future.hpp>

#include <new>

namespace eddy::inline v0_1::detail {

void PortalStop::request(std::string_view reason) noexcept {
    if (called_.exchange(true, std::memory_order_relaxed)) {
        return;
    }
    try {
        reason_ = reason;
    } catch (const std::bad_alloc&) {  // it is cancelled without one
    }
    source_.request_stop();
}

}  // namespace eddy::inline v0_1::detail
