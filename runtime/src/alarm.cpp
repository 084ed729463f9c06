// SPDX-License-Identifier: MIT
#include <eddy/alarm.hpp>

#include <algorithm>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy {

void Alarm::arm(TimePoint when) {
    // `never` has no place in the heap; a moment before is as good.
    detail::require_loop("Alarm").deadlines.move(*this, std::min(when, never - Duration(1)));
}

void Alarm::disarm() noexcept {
    if (armed()) {
        detail::thread_state.core->deadlines.remove(*this);
    }
}

}  // namespace eddy
