// SPDX-License-Identifier: MIT
#include <eddy/detail/job_wait.hpp>

#include <eddy/detail/log.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

bool JobWait::try_now() {
    if (job_.get() == thread_state.job) {
        throw InvalidState("a job cannot wait for its own end");
    }
    if (!job_->ended && !job_->nursery->core->here()) {
        throw WrongThread("a job is awaited on its own loop's thread; from others use a future");
    }
    return job_->ended;
}

void JobWait::start() noexcept { job_->joiners.push_back(*this); }

void drop_handle(Job& job) noexcept {
    // The handle's reference is still counted: the last one means that nobody can ask any more.
    if (!job.ended || job.references != 1 || job.state != JobState::failed || job.collected) {
        return;
    }
    job.collected = true;
    LoopCore* const core = thread_state.core;
    if (core != nullptr && core->inherited()) {
        return;  // it is the parent that reports
    }
    if (core != nullptr) {
        core->report_failure(&job, job.error, "detached job");
    } else {
        log_failure(job.info(), job.error, "detached job");
    }
}

}  // namespace eddy::inline v0_1::detail
