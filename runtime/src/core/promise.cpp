// SPDX-License-Identifier: MIT
#include <eddy/detail/promise.hpp>

#include <eddy/detail/job.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::inline v0_1::detail {

void root_reached_end(PromiseBase& root) noexcept {
    thread_state.job->leaf = &root;
    thread_state.job->body_done = true;
}

}  // namespace eddy::inline v0_1::detail
