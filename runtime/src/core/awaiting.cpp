// SPDX-License-Identifier: MIT
#include <eddy/detail/awaiting.hpp>

#include <exception>
#include <string>
#include <utility>

#include <eddy/detail/scope_node.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

void WaiterAccess::abandon_own(Waiter& waiter) noexcept {
    if (waiter.job_ != thread_state.job) {
        return;
    }
    const bool queued = waiter.state_ == State::queued;
    waiter.state_ = State::done;
    if (queued) {
        waiter.unlink();
        waiter.job_->wait = nullptr;
    } else {
        waiter.pass_on();
    }
}

void WaiterAccess::throw_awaited(const Waiter& waiter) {
    throw InvalidState(std::string(waiter.what()) +
                       ": another job waits in this operation; each job makes its own");
}

Cancelled make_aborted(Job& job) {
    if (job.severed) {
        job.severed = false;
        --thread_state.core->severed;
        throw LoopClosed("the loop ended while " + job.label() + " waited for the outside world");
    }
    return job.scope->make_cancelled();
}

Cancelled make_aborted(Job* job) {
    return job != nullptr ? make_aborted(*job) : ScopeNode::make_plain_cancelled();
}

void keep_failure(Job& job, Waiter& waiter) noexcept {
    job.error = std::current_exception();  // nobody's until the job ends
    WaiterAccess::state(waiter) = WaiterAccess::State::failed;
}

void throw_kept(Job& job, Waiter& waiter) {
    WaiterAccess::state(waiter) = WaiterAccess::State::done;
    std::rethrow_exception(std::exchange(job.error, nullptr));
}

}  // namespace eddy::inline v0_1::detail
