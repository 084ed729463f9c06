// SPDX-License-Identifier: MIT
#include <eddy/sleep.hpp>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy {

void Sleep::start() {
    detail::LoopCore& core = *detail::thread_state.core;
    if (relative_) {
        const Duration delay = deadline_.time_since_epoch();
        if (delay <= Duration::zero()) {
            commit();
            return;
        }
        deadline_ = after(core.clock->now(), delay);
    }
    if (deadline_ != never) {
        core.deadlines.insert(*this, deadline_);
    }
}

void Sleep::unlink() noexcept { detail::thread_state.core->deadlines.remove(*this); }

}  // namespace eddy
