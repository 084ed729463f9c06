// SPDX-License-Identifier: MIT
#include <eddy/notify.hpp>

#include <utility>

#include <eddy/require.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

Notify::~Notify() {
    EDDY_NO_USER(waiting_.empty(),
                 "a Notify was destroyed while jobs wait on it: notify_all(), or end them first");
}

NotifyStatistics Notify::statistics() const {
    bound_.check("Notify::statistics");
    return {.permit = permit_, .waiters = waiting_.size()};
}

void Notify::notify_one() {
    bound_.check("Notify::notify_one");
    pass_one();
}

void Notify::pass_one() noexcept {
    if (QueuedWaiter* waiter = waiting_.pop_front()) {
        static_cast<Wait*>(waiter)->owns_one_ = true;
        waiter->commit();
    } else {
        permit_ = true;
    }
}

void Notify::notify_all() {
    bound_.check("Notify::notify_all");
    waiting_.wake_all();
}

bool Notify::Wait::try_now() {
    notify_.bound_.check("Notify::wait");
    owns_one_ = std::exchange(notify_.permit_, false);
    return owns_one_;
}

void Notify::Wait::start() { notify_.waiting_.push_back(*this); }

void Notify::Wait::pass_on() noexcept {
    if (owns_one_) {
        notify_.pass_one();
    }
}

}  // namespace eddy::inline v0_1
