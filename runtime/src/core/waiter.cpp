// SPDX-License-Identifier: MIT
#include <eddy/waiter.hpp>

#include <eddy/detail/job.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/nursery.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/detail/wait_owner.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

namespace {

/// Not so in a child after fork(), and beside a guest that was left behind: who destroys there what
/// has been inherited may wake jobs of a loop that is not this thread's. They stay as they are.
bool runs_here(const detail::Job& job) noexcept {
    const detail::LoopCore* const core = detail::thread_state.core;
    return core != nullptr && job.nursery->core == core;
}

}  // namespace

void Waiter::commit() noexcept {
    EDDY_ASSERT(state_ == State::queued);
    state_ = State::committed;
    if (owner_ != nullptr) [[unlikely]] {
        if (job_ == nullptr || runs_here(*job_)) {  // what a writer writes has none
            owner_->committed(*this, false);
        }
    } else if (runs_here(*job_)) [[likely]] {
        job_->wait = nullptr;
        detail::thread_state.core->make_ready(*job_);
    }
}

void Waiter::commit_willing() noexcept {
    EDDY_ASSERT(state_ == State::queued);
    state_ = State::committed;
    if (owner_ != nullptr) [[unlikely]] {
        if (job_ == nullptr || runs_here(*job_)) {  // what a writer writes has none
            owner_->committed(*this, true);
        }
    } else if (runs_here(*job_)) [[likely]] {
        job_->wait = nullptr;
        detail::thread_state.core->make_willing(*job_);
    }
}

}  // namespace eddy::inline v0_1
