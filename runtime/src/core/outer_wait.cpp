// SPDX-License-Identifier: MIT
#include <eddy/detail/outer_wait.hpp>

#include <exception>
#include <utility>

#include <eddy/detail/job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

using WaitState = WaiterAccess::State;

// --- one inside another ------------------------------------------------------------------------

void OuterWait::enter(Waiter& op) noexcept {
    WaiterAccess::job(op) = WaiterAccess::job(*this);
    WaiterAccess::owner(op) = this;
    WaiterAccess::state(op) = WaitState::queued;
    inner_ = &op;
}

void OuterWait::holds(Waiter& op) noexcept {
    WaiterAccess::state(op) = WaitState::committed;
    inner_ = &op;
}

void OuterWait::left() noexcept {
    Waiter& op = *std::exchange(inner_, nullptr);
    WaiterAccess::state(op) = WaitState::done;
    WaiterAccess::owner(op) = nullptr;
}

void OuterWait::committed(Waiter& operation, bool willing) noexcept {
    static_cast<void>(operation);
    willing ? commit_willing() : commit();
}

void OuterWait::unlink() noexcept {
    if (inner_ == nullptr) {
        return;
    }
    Waiter& op = *inner_;
    const bool queued = WaiterAccess::state(op) == WaitState::queued;
    left();
    queued ? WaiterAccess::unlink(op) : WaiterAccess::pass_on(op);
}

void OuterWait::pass_on() noexcept {
    if (inner_ != nullptr) {
        Waiter& op = *inner_;
        left();
        WaiterAccess::pass_on(op);
    }
}

bool OuterWait::abort() noexcept {
    if (inner_ != nullptr) {
        if (!WaiterAccess::abort(*inner_)) {
            return false;
        }
        left();
    }
    return true;
}

bool OuterWait::sever() noexcept {
    if (inner_ == nullptr || !WaiterAccess::sever(*inner_)) {
        return false;
    }
    left();
    return true;
}

void OuterWait::catch_up() noexcept {
    if (inner_ != nullptr) {
        WaiterAccess::catch_up(*inner_);
    }
}

namespace {

/// What runs is a callback, or another job; what is called in it is called for the one that waits.
class ForJob final {
public:
    explicit ForJob(Job* job) noexcept : before_(std::exchange(thread_state.job, job)) {}
    ForJob(const ForJob&) = delete;
    ForJob& operator=(const ForJob&) = delete;
    ~ForJob() { thread_state.job = before_; }

private:
    Job* before_;
};

}  // namespace

// --- one after another -------------------------------------------------------------------------

void SteppedWait::committed(Waiter& operation, bool willing) noexcept {
    static_cast<void>(operation);
    static_cast<void>(willing);
    go_on_later();
}

void SteppedWait::go_on_later() noexcept {
    pending_ = true;
    thread_state.core->queue_callback(*this);
}

void SteppedWait::advance() noexcept {
    pending_ = false;
    advancing_ = true;
    bool over = true;
    const bool given_up_before = asked_to_end_;
    const ForJob during(WaiterAccess::job(*this));
    try {
        if (inner() != nullptr) {
            left();
            collect();
        }
        if (!given_up_before) {
            over = proceed();
            if (over) {
                asked_to_end_ = false;  // too late: it has what it wanted
            }
        }
    } catch (...) {
        over = true;
        failure_ = std::current_exception();
    }
    advancing_ = false;
    if (WaiterAccess::state(*this) != WaitState::queued) {  // with the last one, in its start
        return;
    }
    if (!over && thread_state.core->severing && sever()) {
        over = true;  // the loop is over, and does not wait for the outside world any more
        severed_ = true;
    }
    // What it called may have asked for its end, and it waits again.
    if (!over && (!asked_to_end_ || !abort())) {
        return;
    }
    commit();
}

void SteppedWait::keep() noexcept {
    pending_ = false;
    thread_state.core->drop_callback(*this);
    if (inner() != nullptr) {
        collect_lost();
    }
}

void SteppedWait::collect_lost() noexcept {
    left();
    const ForJob during(WaiterAccess::job(*this));
    try {
        collect();
    } catch (...) {  // the operation has not happened, and its stream says the same again
    }
}

void SteppedWait::unlink() noexcept {
    pending_ ? keep() : OuterWait::unlink();
    given_up();
}

void SteppedWait::pass_on() noexcept {
    OuterWait::pass_on();
    failure_ = nullptr;
    given_up();
}

bool SteppedWait::abort() noexcept {
    if (advancing_) {  // by what it calls: cancelled, or its select is won by another one
        asked_to_end_ = true;
        return false;
    }
    if (pending_) {
        keep();
    } else if (!OuterWait::abort()) {
        asked_to_end_ = true;
        return false;
    }
    given_up();
    return true;
}

bool SteppedWait::sever() noexcept {
    if (pending_ || !OuterWait::sever()) {
        return false;
    }
    given_up();
    return true;
}

void SteppedWait::catch_up() noexcept {
    OuterWait::catch_up();
    if (pending_) {
        thread_state.core->drop_callback(*this);
        advance();
    }
}

void SteppedWait::throw_failure() {
    if (failure_) {
        std::rethrow_exception(std::exchange(failure_, nullptr));
    }
    if (std::exchange(severed_, false)) {
        throw LoopClosed("the loop ended while this waited for the outside world");
    }
    asked_to_end_ = false;
    throw make_aborted(WaiterAccess::job(*this));
}

}  // namespace eddy::inline v0_1::detail
