// SPDX-License-Identifier: MIT
#include "work_stack.hpp"

namespace eddy::inline v0_1::detail {

Work* WorkStack::take_all() noexcept {
    // relaxed: what is pushed from now on, the caller need not see; the mark was set under the
    // lock.
    ListLink* const top = top_.load(std::memory_order_relaxed);
    if (top == nullptr || top == &shut_mark_) {
        return nullptr;
    }
    return turn_round(top_.exchange(nullptr, std::memory_order_acquire));
}

void WorkStack::open() noexcept {
    if (top_.load(std::memory_order_relaxed) == &shut_mark_) {
        top_.store(nullptr, std::memory_order_relaxed);  // nobody else changes a mark
    }
}

Work* WorkStack::shut() noexcept {
    if (top_.load(std::memory_order_relaxed) == &shut_mark_) {
        return nullptr;
    }
    return turn_round(top_.exchange(&shut_mark_, std::memory_order_acquire));
}

Work* WorkStack::turn_round(ListLink* newest_first) noexcept {
    ListLink* oldest_first = nullptr;
    while (newest_first != nullptr) {
        ListLink* const older = newest_first->next;
        newest_first->next = oldest_first;
        oldest_first = newest_first;
        newest_first = older;
    }
    return oldest_first != nullptr ? &WorkAccess::from_link(*oldest_first) : nullptr;
}

}  // namespace eddy::inline v0_1::detail
