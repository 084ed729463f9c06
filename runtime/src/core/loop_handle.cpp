// SPDX-License-Identifier: MIT
#include <eddy/loop_handle.hpp>

#include <eddy/detail/loop_core.hpp>

namespace eddy::inline v0_1::detail {

void posted_here(const Inbox& inbox) noexcept {
    const LoopCore& core = *thread_state.core;
    if (core.inbox.get() == &inbox && core.here() && core.ready.must_wake()) {
        core.ready.wake();
    }
}

}  // namespace eddy::inline v0_1::detail
