// SPDX-License-Identifier: MIT
#include <eddy/detail/lock_core.hpp>

#include <string>

#include <eddy/detail/awaiting.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

const Job* job_of(QueuedWaiter& waiter) noexcept { return WaiterAccess::job(waiter); }

void LockCore::enqueue(QueuedWaiter& waiter) noexcept {
    if (try_take(job_of(waiter))) {
        waiter.commit();
    } else {
        waiting_.push_back(waiter);
    }
}

void LockCore::hand_over() noexcept {
    QueuedWaiter& next = *waiting_.pop_front();
    owner_.set(job_of(next));
    next.commit();  // last: a select that loses another wait by this may come back here
}

void LockCore::refuse_owner(const char* what) {
    throw InvalidState(std::string(what) +
                       ": this job holds the lock already and would wait for itself; let what is "
                       "called take the guard by reference instead");
}

void LockCore::refuse_empty_guard(const char* what) {
    throw InvalidState(std::string(what) +
                       ": this guard holds nothing: it was moved from or released, or its "
                       "Condition is waiting");
}

}  // namespace eddy::inline v0_1::detail
