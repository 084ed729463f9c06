// SPDX-License-Identifier: MIT
#include <eddy/waiter.hpp>

#include <string>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/brought_item.hpp>
#include <eddy/detail/select_base.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

void Waiter::commit() noexcept {
    EDDY_ASSERT(state_ == State::queued);
    state_ = State::committed;
    if (select_ != nullptr) [[unlikely]] {
        select_->committed(*this, false);
        return;
    }
    job_->wait = nullptr;
    detail::thread_state.core->make_ready(*job_);
}

void Waiter::commit_willing() noexcept {
    EDDY_ASSERT(state_ == State::queued);
    state_ = State::committed;
    if (select_ != nullptr) [[unlikely]] {
        select_->committed(*this, true);
        return;
    }
    job_->wait = nullptr;
    detail::thread_state.core->make_willing(*job_);
}

std::size_t WaitQueue::size() const noexcept {
    std::size_t count = 0;
    for (const detail::ListLink* link = ring_.next; link != &ring_; link = link->next) {
        ++count;
    }
    return count;
}

namespace detail {

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

void throw_given_away(const char* what) {
    throw InvalidState(std::string(what) +
                       ": this operation has given its item away; make a new one for the next");
}

void WaiterAccess::throw_awaited(const Waiter& waiter) {
    throw InvalidState(std::string(waiter.what()) +
                       ": another job waits in this operation; each job makes its own");
}

}  // namespace detail
}  // namespace eddy::inline v0_1
