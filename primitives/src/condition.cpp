// SPDX-License-Identifier: MIT
#include <eddy/condition.hpp>

#include <string>
#include <utility>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

Condition::~Condition() {
    EDDY_NO_USER(
        waiting_.empty(),
        "a Condition was destroyed while jobs wait on it: notify_all(), or end them first");
}

ConditionStatistics Condition::statistics() const {
    lock_.bound_.check("Condition::statistics");
    return {.waiters = waiting_.size(), .lock = lock_.statistics()};
}

void Condition::check(const LockGuard& guard) const {
    lock_.bound_.check("Condition::wait");
    if (!guard) {
        throw InvalidState(
            "Condition::wait: this guard holds no lock: it was moved from or released, or waits "
            "already; acquire the lock first");
    }
    if (!guard.holds(lock_)) {
        throw InvalidState(
            "Condition::wait: this guard holds another lock than the condition's own");
    }
}

void Condition::check_owner(const char* what) const {
    lock_.bound_.check(what);
    if (!lock_.core_.owner().is_caller()) {
        throw InvalidState(std::string(what) +
                           ": the caller does not own the condition's lock: acquire it, or adopt() "
                           "a guard that came from another job");
    }
}

/// Moves the longest waiter to the lock's queue. False: there is none.
bool Condition::pass_one() noexcept {
    QueuedWaiter* waiter = waiting_.front();
    if (waiter == nullptr) {
        return false;
    }
    static_cast<Wait*>(waiter)->move_to_lock(Wait::Phase::notified);
    return true;
}

void Condition::notify(detail::Count count) {
    check_owner("Condition::notify");
    std::size_t left = count.checked("Condition::notify");
    while (left != 0 && pass_one()) {
        --left;
    }
}

void Condition::notify_all() {
    check_owner("Condition::notify_all");
    while (QueuedWaiter* waiter = waiting_.front()) {
        static_cast<Wait*>(waiter)->move_to_lock(Wait::Phase::notified_with_all);
    }
}

const char* Condition::Wait::what() const noexcept {
    return phase_ == Phase::waiting ? "Condition::wait" : "Condition::wait, for the lock";
}

void Condition::Wait::start() {
    condition_.check(guard_);  // a select may have used it already
    phase_ = Phase::waiting;
    condition_.waiting_.push_back(*this);
    guard_.lock_ = nullptr;
    lock_.core_.release();
}

void Condition::Wait::take() {
    arm();
    if (phase_ == Phase::cancelled) {
        throw detail::make_aborted(*detail::thread_state.job);
    }
}

void Condition::Wait::move_to_lock(Phase why) noexcept {
    phase_ = why;
    unlink_self();
    lock_.core_.enqueue(*this);
}

/// The frame dies while it waits, for a notification or for the lock: it owns nothing. A
/// notification meant for one goes to the next.
void Condition::Wait::unlink() noexcept {
    unlink_self();
    if (phase_ == Phase::notified) {
        condition_.pass_one();
    }
}

/// It owns the lock, but nobody will return: the guard does what it was made for.
void Condition::Wait::pass_on() noexcept {
    arm();
    if (phase_ == Phase::notified) {
        condition_.pass_one();
    }
}

bool Condition::Wait::abort() noexcept {
    if (phase_ != Phase::waiting) {
        return false;  // it is on its way back already
    }
    phase_ = Phase::cancelled;
    unlink_self();
    if (lock_.core_.try_take(detail::job_of(*this))) {
        arm();
        return true;
    }
    lock_.core_.enqueue(*this);
    return false;
}

// --- with a predicate --------------------------------------------------------------------------

bool Condition::PredicateWait::try_now() {
    begin();
    notified_ = holds_ = ending_ = false;
    condition_.check(guard_);
    return holds();
}

void Condition::PredicateWait::start() {
    start_inner(wait_.emplace([this] { return condition_.wait(guard_); }));
}

/// The job has the lock again: notified, or on its way out.
void Condition::PredicateWait::collect() {
    wait_->arm();
    notified_ = wait_->phase_ == Wait::Phase::notified;
    if (ending_ && wait_->phase_ != Wait::Phase::cancelled && holds()) {
        holds_ = true;  // what it was notified of came before the cancellation
        begin();
    }
}

bool Condition::PredicateWait::proceed() {
    if (holds_ || holds()) {
        return true;
    }
    notified_ = false;  // it was of no use to it
    start();
    return false;
}

void Condition::PredicateWait::end() {
    try {
        conclude();
    } catch (...) {
        given_up();
        throw;
    }
    notified_ = false;
}

/// A notification for one goes to the next.
void Condition::PredicateWait::given_up() noexcept {
    if (std::exchange(notified_, false)) {
        condition_.pass_one();
    }
}

void Condition::PredicateWait::unlink() noexcept {
    ending_ = false;  // what the predicate looks at may be gone
    SteppedWait::unlink();
}

bool Condition::PredicateWait::abort() noexcept {
    const bool left = SteppedWait::abort();
    ending_ = !left;
    return left;
}

}  // namespace eddy::inline v0_1
