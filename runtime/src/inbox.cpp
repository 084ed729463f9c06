// SPDX-License-Identifier: MIT
#include <eddy/detail/inbox.hpp>

#include <thread>

#include <eddy/require.hpp>

namespace eddy::detail {

Inbox::~Inbox() {
    EDDY_REQUIRE(top_.load(std::memory_order_relaxed) == nullptr,
                 "an inbox was destroyed with accepted work in it: the loop must be closed first");
}

bool Inbox::push(InboxNode& node) noexcept {
    // acq_rel: pairs with close(); a sender that sees the bit clear is waited for.
    if ((gate_.fetch_add(one_sender, std::memory_order_acq_rel) & closed_bit) != 0) {
        gate_.fetch_sub(one_sender, std::memory_order_release);
        return false;
    }
    InboxNode* top = top_.load(std::memory_order_relaxed);
    do {
        node.next_ = top;
        // release: publishes the node; pairs with the acquire in take_all().
    } while (!top_.compare_exchange_weak(
        top, &node, std::memory_order_release, std::memory_order_relaxed));
    if (top == nullptr) {
        wake_(target_);
    }
    gate_.fetch_sub(one_sender, std::memory_order_release);
    return true;
}

void Inbox::close() noexcept {
    gate_.fetch_or(closed_bit, std::memory_order_acq_rel);
    // acquire: pairs with the release of the last sender. Late ones only bounce off the bit.
    while (gate_.load(std::memory_order_acquire) != closed_bit) {
        std::this_thread::yield();
    }
}

InboxNode* Inbox::take_all() noexcept {
    InboxNode* taken = top_.exchange(nullptr, std::memory_order_acquire);
    InboxNode* oldest_first = nullptr;
    while (taken != nullptr) {
        InboxNode* next = taken->next_;
        taken->next_ = oldest_first;
        oldest_first = taken;
        taken = next;
    }
    return oldest_first;
}

}  // namespace eddy::detail
