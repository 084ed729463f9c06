// SPDX-License-Identifier: MIT
#include <eddy/sleep.hpp>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::inline v0_1 {

bool Sleep::try_now() const noexcept {
    if (relative_) {
        return deadline_ <= TimePoint();  // a delay of zero or less
    }
    return deadline_ != never && deadline_ <= detail::thread_state.core->clock->now();
}

void Sleep::start() {
    detail::LoopCore& core = *detail::thread_state.core;
    const TimePoint when =
        relative_ ? after(core.clock->now(), deadline_.time_since_epoch()) : deadline_;
    if (when != never) {
        core.deadlines.insert(*this, when);
    }
}

void Sleep::unlink() noexcept { detail::thread_state.core->deadlines.remove(*this); }

}  // namespace eddy::inline v0_1
