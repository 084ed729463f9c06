// SPDX-License-Identifier: MIT
#include <eddy/testing/virtual_clock.hpp>

#include <stdexcept>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>

namespace eddy::testing {

void VirtualClock::advance(Duration by) {
    if (by < Duration::zero()) {
        throw std::invalid_argument("VirtualClock::advance: time does not go backwards");
    }
    now_ = after(now_, by);
}

HoldTime::HoldTime() { ++detail::require_loop("HoldTime").in_flight; }

HoldTime::~HoldTime() {
    detail::LoopCore& core = *detail::thread_state.core;
    --core.in_flight;
    if (core.ready.must_wake()) {  // a host's loop: time may move now, its next poll must not block
        core.ready.wake();
    }
}

}  // namespace eddy::testing
