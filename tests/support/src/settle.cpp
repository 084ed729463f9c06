// SPDX-License-Identifier: MIT
#include <eddy/testing/settle.hpp>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::testing {

void Settle::start() noexcept { detail::thread_state.core->settled.push_back(*this); }

}  // namespace eddy::testing
