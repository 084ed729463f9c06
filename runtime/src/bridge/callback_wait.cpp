// SPDX-License-Identifier: MIT
#include <eddy/detail/callback_wait.hpp>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

// --- any thread --------------------------------------------------------------------------------

CallbackState::CallbackState() : inbox_(require_loop("from_callback").inbox) {}

void CallbackState::drop_completion(std::shared_ptr<CallbackState> self) noexcept {
    // acq_rel: the last one sees what the others did before they left.
    if (completions_.fetch_sub(1, std::memory_order_acq_rel) == 1 && claim()) {
        finish(std::move(self), Ending::dropped);
    }
}

bool CallbackState::finish(std::shared_ptr<CallbackState> self, Ending ending) noexcept {
    ending_ = ending;
    // The inbox tells loops apart even after their end: this holds a reference to it.
    const LoopCore* core = thread_state.core;
    if (core != nullptr && core->inbox == inbox_ && core->here()) {
        if (wait_ != nullptr) {
            wait_->arrived();
        }
        return true;
    }
    return send(*inbox_, std::move(self));
}

// --- the loop thread ---------------------------------------------------------------------------

void CallbackState::node_arrived() {
    if (wait_ != nullptr) {
        wait_->arrived();
    }
}

void CallbackWait::begin_start(std::shared_ptr<CallbackState> state) noexcept {
    state->wait_ = this;
    state_ = std::move(state);
    starting_ = true;
    arrived_ = abort_requested_ = undone_ = false;  // of an await before
    ++thread_state.core->in_flight;
}

void CallbackWait::finish_start() noexcept {
    starting_ = false;
    if (arrived_) {
        arrived();
    }
}

void CallbackWait::arrived() noexcept {
    arrived_ = true;
    if (!starting_) {  // else the start function has not returned, and may still throw
        let_go();
        commit();
    }
}

bool CallbackWait::abort() noexcept {
    if (has_abort() && !abort_requested_) {
        abort_requested_ = true;
        thread_state.core->queue_callback(*this);
    }
    return false;
}

void CallbackWait::call() {
    if (call_abort() && state_->wait_ != nullptr) {
        undone_ = true;
        let_go();
        commit();
    }
}

/// The outside world is nothing to this wait any more.
void CallbackWait::let_go() noexcept {
    state_->wait_ = nullptr;
    LoopCore& core = *thread_state.core;
    core.drop_callback(*this);
    --core.in_flight;
}

void CallbackWait::throw_unless_value() {
    using Ending = CallbackState::Ending;
    if (undone_) {
        throw make_aborted(thread_state.job);
    }
    if (state_->ending_ == Ending::value) {
        return;
    }
    if (abort_requested_) {
        throw make_aborted(thread_state.job);
    }
    if (state_->ending_ == Ending::error) {
        std::rethrow_exception(std::move(state_->error));
    }
    throw BrokenResource("from_callback: every Completion was dropped without a result");
}

}  // namespace eddy::inline v0_1::detail
