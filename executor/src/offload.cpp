// SPDX-License-Identifier: MIT
#include <eddy/offload.hpp>

#include <memory>
#include <string>
#include <utility>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/call_stopped.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/thread_pool.hpp>

#include "offload_notice.hpp"

namespace eddy::inline v0_1::detail {

void OffloadWait::throw_awaited() const {
    throw InvalidState(std::string(what()) +
                       ": this call has been awaited, which goes once: call it again");
}

void OffloadWait::give_back() noexcept {
    if (withdrawn_) {
        work_->release();
    } else {
        work_->destroy();
    }
}

void OffloadWait::renew(Work& work) noexcept {
    if (work_ != nullptr) {
        give_back();
    }
    work_ = &work;
    renews_ = true;
    refused_ = submitted_ = delivered_ = withdrawn_ = left_alone_ = severed_ = false;
}

/// Who waits for it: nobody, if it is a write that a `BufferedWriter` has no job for.
JobInfo OffloadWait::info() noexcept {
    const Job* const job = WaiterAccess::job(*this);
    return job != nullptr ? job->info() : JobInfo();
}

/// Virtual time may go on, as far as this call is concerned.
inline void OffloadWait::wait_over() noexcept {
    LoopCore& core = *thread_state.core;
    waiting_ = false;
    --core.in_flight;
    if ((core.hooks & Observer::offloads) != 0) [[unlikely]] {
        observe_offload(core, &Observer::offload_done, info());
    }
}

void OffloadWait::arrived() noexcept {
    delivered_ = true;
    if (waiting_) {  // not so if the loop's end was faster than the inbox
        wait_over();
        commit();
    }
}

bool OffloadWait::hand_over(Work& work) {
    if (when_full_ == WhenFull::refuse) {
        return executor_->try_submit(work);
    }
    executor_->submit(work);
    return true;
}

void OffloadWait::start() {
    LoopCore& core = *thread_state.core;
    refused_ = false;
    if (executor_ == nullptr) {
        executor_ = &default_pool();
    }
    Work& work = *work_;
    work.inbox_ = core.inbox.get();
    work.waiter_ = this;
    if ((core.hooks & Observer::offloads) != 0) [[unlikely]] {
        const JobInfo who = info();
        if (work.notice_ == nullptr) {  // else an executor has refused it before
            work.notice_ = new OffloadNotice(core, who);
        }
        observe_offload(core, &Observer::offload_queued, who);
    }
    work.state_.store(Work::State::queued, std::memory_order_relaxed);  // submit publishes it
    waiting_ = true;
    ++core.in_flight;
    try {
        submitted_ = hand_over(work);
    } catch (...) {
        wait_over();
        throw;
    }
    if (!submitted_) {
        refused_ = true;
        wait_over();
        commit();
    }
}

namespace {

[[nodiscard]] bool is_stopped(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const CallStopped&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace

bool OffloadWait::was_stopped() const noexcept { return has_failed() && is_stopped(work_->error_); }

void OffloadWait::throw_error() {
    // Moved out: the last reference goes on this thread, not on the worker.
    std::exception_ptr error = std::move(work_->error_);
    Job* const job = thread_state.job;
    const bool cancelled = job != nullptr && job->scope->effective;
    if (is_stopped(error)) {
        if (severed_) {
            throw LoopClosed(std::string(what()) + ": the loop ended before this had");
        }
        if (cancelled) {
            throw make_aborted(*job);
        }
        throw ClosedResource(std::string(what()) + ": its pool was shut down before it had ended");
    }
    if (is_cancelled(error) && !cancelled) {
        // The pool was shut down while the call waited for a loop.
        throw JobCancelled("what the offloaded call waited for was cancelled");
    }
    std::rethrow_exception(std::move(error));
}

void OffloadWait::leave(Work& work) noexcept {
    work.waiter_ = nullptr;  // deliver() destroys it
    ++thread_state.core->owed;
}

// --- cancellation ------------------------------------------------------------------------------

OffloadWait::Detached OffloadWait::detach(bool may_abandon) noexcept {
    Work& work = *work_;
    if (work.try_change(Work::State::queued, Work::State::withdrawn)) {
        withdrawn_ = true;
        executor_->withdraw(work);
        if (renews_) {
            work.drop_call();
            give_back();
            work_ = nullptr;
        }
        wait_over();
        return Detached::withdrawn;
    }
    work.request_stop();
    if (may_abandon) {
        work.take_back();  // before the worker may be the one that destroys it
    }
    if (may_abandon && work.try_change(Work::State::running, Work::State::abandoned)) {
        work_ = nullptr;
        left_alone_ = true;
        wait_over();
        return Detached::abandoned;
    }
    return Detached::no;
}

bool OffloadWait::abort() noexcept {
    return detach(on_cancel_ == OnCancel::abandon) != Detached::no;
}

bool OffloadWait::sever() noexcept {
    if (detach(true) != Detached::no) {
        return true;
    }
    // It has ended, and the loop does not look into its inbox any more before the frame dies.
    severed_ = true;
    wait_over();
    commit();
    return false;
}

void OffloadWait::unlink() noexcept {
    if (detach(true) == Detached::no) {  // it has ended
        wait_over();
        pass_on();
    }
}

}  // namespace eddy::inline v0_1::detail
