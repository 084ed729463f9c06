// SPDX-License-Identifier: MIT
#include <eddy/alarm.hpp>

#include <algorithm>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::inline v0_1 {

void Alarm::arm(TimePoint when) {
    detail::LoopCore& core = detail::require_loop("Alarm");
    bound_.check("Alarm::arm");
    // `never` has no place in the heap; a moment before is as good.
    core.deadlines.move(*this, std::min(when, never - Duration(1)));
}

void Alarm::disarm() noexcept {
    if (DeadlineNode::armed()) {
        EDDY_REQUIRE(bound_.here(), "an Alarm was disarmed off its loop's thread");
        detail::thread_state.core->deadlines.remove(*this);
    }
}

}  // namespace eddy::inline v0_1
