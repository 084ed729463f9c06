// SPDX-License-Identifier: MIT
#include <eddy/waiter.hpp>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/select_base.hpp>
#include <eddy/require.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy {

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

void WaiterAccess::abandon(Waiter& waiter) noexcept {
    const bool queued = waiter.state_ == State::queued;
    waiter.state_ = State::done;
    if (queued) {
        waiter.unlink();
        waiter.job_->wait = nullptr;
    } else {
        waiter.pass_on();
    }
}

}  // namespace detail
}  // namespace eddy
