// SPDX-License-Identifier: MIT
#include <eddy/testing/virtual_clock.hpp>

#include <eddy/detail/spawn_job.hpp>

namespace eddy::testing {

HoldTime::HoldTime() { ++detail::require_loop("HoldTime").in_flight; }
HoldTime::~HoldTime() { --detail::thread_state.core->in_flight; }

}  // namespace eddy::testing
