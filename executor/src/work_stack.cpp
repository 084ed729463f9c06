// SPDX-License-Identifier: MIT
#include "work_stack.hpp"

#include "work_access.hpp"

namespace eddy::detail {

bool WorkStack::push(Work& work) noexcept {
    ListLink& link = WorkAccess::link(work);
    ListLink* top = top_.load(std::memory_order_relaxed);
    while (top != shut_mark()) {
        link.next = top;
        // release: publishes the work; pairs with the acquire in take_all() and shut().
        if (top_.compare_exchange_weak(
                top, &link, std::memory_order_release, std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

Work* WorkStack::take_all() noexcept {
    // relaxed: what is pushed from now on, the caller need not see; the mark was set under the
    // lock.
    ListLink* const top = top_.load(std::memory_order_relaxed);
    if (top == nullptr || top == shut_mark()) {
        return nullptr;
    }
    return turn_round(top_.exchange(nullptr, std::memory_order_acquire));
}

void WorkStack::open() noexcept {
    if (top_.load(std::memory_order_relaxed) == shut_mark()) {
        top_.store(nullptr, std::memory_order_relaxed);  // nobody else changes a mark
    }
}

Work* WorkStack::shut() noexcept {
    if (top_.load(std::memory_order_relaxed) == shut_mark()) {
        return nullptr;
    }
    return turn_round(top_.exchange(shut_mark(), std::memory_order_acquire));
}

Work* WorkStack::next_of(Work& work) noexcept {
    ListLink* const next = WorkAccess::link(work).next;
    return next != nullptr ? &WorkAccess::from_link(*next) : nullptr;
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

}  // namespace eddy::detail
