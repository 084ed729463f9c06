// SPDX-License-Identifier: MIT
#include <eddy/join_handle.hpp>

#include <eddy/cancel_handle.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

#include "log.hpp"

namespace eddy::detail {

bool JobWait::try_now() {
    if (job_.get() == thread_state.job) {
        throw InvalidState("a job cannot wait for its own end");
    }
    if (!job_->ended && job_->nursery->core != thread_state.core) {
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
    if (LoopCore* core = thread_state.core) {
        core->report_failure(&job, job.error, "detached job");
    } else {
        log_failure(job.info(), job.error, "detached job");
    }
}

void cancel_job(Job& job, std::string_view reason) {
    if (job.ended) {
        return;
    }
    if (thread_state.core != job.nursery->core) {
        throw WrongThread(
            "a JoinHandle belongs to its loop's thread; from others use cancel_handle()");
    }
    job.own_scope().cancel(CancelSource::explicit_call, reason);
}

CancelHandle make_cancel_handle(Job& job) {
    auto& token = job.ensure_extras().token;
    if (!token) {
        token = std::make_shared<CancelToken>(CancelToken{job.ended ? nullptr : &job.own_scope()});
    }
    return CancelHandle(token, LoopHandle(require_loop("cancel_handle").inbox));
}

Job& checked(Job* job) {
    if (job == nullptr) {
        throw InvalidState("this JoinHandle is empty: it was moved from or detached");
    }
    return *job;
}

}  // namespace eddy::detail
