// SPDX-License-Identifier: MIT
#include <eddy/detach_on_cancel.hpp>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::detail {

void throw_if_cancelled() { thread_state.core->checkpoint(*thread_state.job); }

}  // namespace eddy::detail
