// SPDX-License-Identifier: MIT
#include <eddy/join_handle.hpp>

#include <utility>

#include <eddy/cancel_handle.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

#include "log.hpp"

namespace eddy::detail {

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

void drop_handle(Job& job, const LoopBound& bound) noexcept {
    EDDY_REQUIRE(bound.here(),
                 "a JoinHandle ended or was detached off its job's thread: detach it there, or "
                 "move it into a job of that loop");
    drop_handle(job);
}

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

void cancel_job(Job& job, std::string_view reason) {
    if (!job.ended) {
        job.own_scope().cancel(CancelSource::explicit_call, reason);
    }
}

CancelHandle make_cancel_handle(Job& job) {
    LoopHandle loop(job.ended ? require_loop("JoinHandle::cancel_handle").inbox
                              : job.nursery->core->inbox);
    auto& token = job.ensure_extras().token;
    if (!token) {
        token = std::make_shared<CancelToken>(CancelToken{job.ended ? nullptr : &job.own_scope()});
    }
    return CancelHandle(token, std::move(loop));
}

Job& checked(Job* job) {
    if (job == nullptr) {
        throw InvalidState("this JoinHandle is empty: it was moved from or detached");
    }
    return *job;
}

}  // namespace eddy::detail
