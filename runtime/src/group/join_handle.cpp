// SPDX-License-Identifier: MIT
#include <eddy/join_handle.hpp>

#include <utility>

#include <eddy/cancel_handle.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

void drop_handle(Job& job, const LoopBound& bound) noexcept {
    EDDY_REQUIRE(bound.here(),
                 "a JoinHandle ended or was detached off its job's thread: detach it there, or "
                 "move it into a job of that loop");
    drop_handle(job);
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

}  // namespace eddy::inline v0_1::detail
