// SPDX-License-Identifier: MIT
#include <eddy/detail/grant_queue.hpp>

#include <utility>

#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

void GrantWait::unlink() noexcept {
    unlink_self();
    queue_.left(*this);
}

void GrantWait::pass_on() noexcept {
    if (answer_ == Answer::granted) {
        queue_.take_back(*this);
    }
}

// A commit may withdraw other waiters of this queue, those of a select, and come back here: it is
// the loop that is under way which goes on, so that the order holds, and the stack.

void GrantQueue::grant_all() noexcept {
    if (std::exchange(committing_, true)) {
        return;
    }
    while (GrantWait* first = front()) {
        if (!grant(*first)) {
            break;
        }
        first->unlink_self();
        first->answer_ = GrantWait::Answer::granted;
        first->commit();
    }
    committing_ = false;
    check_invariants();
}

void GrantQueue::close_all() noexcept {
    committing_ = true;
    while (GrantWait* first = front()) {
        first->unlink_self();
        first->answer_ = GrantWait::Answer::closed;
        first->commit();
    }
    committing_ = false;
    check_invariants();
}

void GrantQueue::check_invariants() const noexcept {
#ifndef NDEBUG
    const GrantWait* const first = front();
    EDDY_ASSERT(first == nullptr || first->answer_ == GrantWait::Answer::none);
    EDDY_ASSERT(first == nullptr || committing_ || !fits(*first));
#endif
}

}  // namespace eddy::inline v0_1::detail
