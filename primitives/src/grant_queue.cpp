// SPDX-License-Identifier: MIT
#include <eddy/detail/grant_queue.hpp>

namespace eddy::detail {

void GrantWait::unlink() noexcept {
    unlink_self();
    queue_.left(*this);
}

void GrantWait::pass_on() noexcept {
    if (answer_ == Answer::granted) {
        queue_.take_back(*this);
    }
}

void GrantQueue::grant_all() noexcept {
    // A commit may withdraw other waiters of this queue (those of a select) and come back here.
    while (GrantWait* first = front()) {
        if (!grant(*first)) {
            break;
        }
        first->unlink_self();
        first->answer_ = GrantWait::Answer::granted;
        first->commit();
    }
}

void GrantQueue::close_all() noexcept {
    while (GrantWait* first = front()) {
        first->unlink_self();
        first->answer_ = GrantWait::Answer::closed;
        first->commit();
    }
}

}  // namespace eddy::detail
