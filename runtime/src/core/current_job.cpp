// SPDX-License-Identifier: MIT
#include <eddy/current_job.hpp>

#include <eddy/detail/job.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::inline v0_1 {

JobInfo current_job() noexcept {
    const detail::Job* job = detail::thread_state.job;
    return job != nullptr ? job->info() : JobInfo{};
}

}  // namespace eddy::inline v0_1
