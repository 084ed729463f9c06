// SPDX-License-Identifier: MIT
#include <eddy/report_failure.hpp>

#include <utility>

#include <eddy/detail/log.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/job_info.hpp>

namespace eddy::inline v0_1 {

void report_failure(std::exception_ptr error, std::string_view where) noexcept {
    if (detail::LoopCore* core = detail::thread_state.core) {
        core->report_failure(detail::thread_state.job, std::move(error), where);
    } else {
        detail::log_failure(JobInfo{}, error, where);
    }
}

}  // namespace eddy::inline v0_1
