// SPDX-License-Identifier: MIT
#include <eddy/call_later.hpp>

#include <utility>

#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

TimePoint TimedCall::from_now(Duration delay) {
    return after(require_loop("call_later").clock->now(), delay);
}

void TimedCall::schedule(std::shared_ptr<TimedCall> call, TimePoint when) {
    LoopCore& core = require_loop("call_at");
    if (core.root.closed) {
        throw LoopClosed("call_at: the loop is ending and calls nothing later");
    }
    if (when != never) {
        core.deadlines.insert(*call, when);
        if (++core.calls_due == 1 && core.ready.must_wake()) {
            core.ready.wake();  // a host may run on for it, though it is not the next deadline
        }
    }
    core.listen_to_close(*call);
    call->core_ = &core;
    TimedCall& scheduled = *call;
    scheduled.self_ = std::move(call);
}

void TimedCall::due() noexcept {
    --core_->calls_due;
    core_->queue_callback(*this);
}

/// Leaves all the places where it waits.
void TimedCall::withdraw() noexcept {
    core_->calls_due -= armed() ? 1U : 0U;
    core_->deadlines.remove(*this);
    core_->drop_callback(*this);
    core_->forget(*this);
}

void TimedCall::call() {
    const auto keep = std::move(self_);
    core_->forget(*this);
    invoke();
}

bool TimedCall::cancel() {
    bound_.check("TimerHandle::cancel");
    if (!pending()) {
        return false;
    }
    const auto keep = std::move(self_);
    withdraw();
    drop();
    return true;
}

void TimedCall::loop_closing() noexcept {
    const auto keep = std::move(self_);
    withdraw();
    drop();
}

}  // namespace eddy::inline v0_1::detail
