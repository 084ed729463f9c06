// SPDX-License-Identifier: MIT
#include <eddy/waiter.hpp>

#include <eddy/detail/job.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/detail/wait_owner.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

void Waiter::commit() noexcept {
    EDDY_ASSERT(state_ == State::queued);
    state_ = State::committed;
    if (owner_ != nullptr) [[unlikely]] {
        owner_->committed(*this, false);
        return;
    }
    job_->wait = nullptr;
    detail::thread_state.core->make_ready(*job_);
}

void Waiter::commit_willing() noexcept {
    EDDY_ASSERT(state_ == State::queued);
    state_ = State::committed;
    if (owner_ != nullptr) [[unlikely]] {
        owner_->committed(*this, true);
        return;
    }
    job_->wait = nullptr;
    detail::thread_state.core->make_willing(*job_);
}

}  // namespace eddy::inline v0_1
