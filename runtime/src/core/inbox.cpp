// SPDX-License-Identifier: MIT
#include <eddy/detail/inbox.hpp>

#include <atomic>
#include <thread>
#include <utility>

#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

Inbox::~Inbox() {
    EDDY_REQUIRE(empty() || inherited(),
                 "an inbox was destroyed with accepted work in it: the loop must be closed first");
}

bool Inbox::push(InboxNode& node) noexcept {
    if (inherited()) [[unlikely]] {
        return false;
    }
    // acquire, here and below: who is refused sees what the loop did before it closed.
    InboxNode* top = top_.load(std::memory_order_acquire);
    while (top != closed_mark()) {
        if (top == nullptr) {
            if (push_first(node)) {
                return true;
            }
            top = top_.load(std::memory_order_acquire);
            continue;
        }
        node.next_ = top;
        // release: publishes the node; pairs with the acquire in take_all() and close().
        if (top_.compare_exchange_weak(
                top, &node, std::memory_order_release, std::memory_order_acquire)) {
            return true;  // who made it non-empty wakes the loop
        }
    }
    return false;
}

/// False: somebody was faster, or the inbox is closing; look again.
bool Inbox::push_first(InboxNode& node) noexcept {
    bool pushed = false;
    // acq_rel: pairs with close(); a sender that sees the bit clear is waited for.
    if ((gate_.fetch_add(one_sender, std::memory_order_acq_rel) & closed_bit) == 0) {
        InboxNode* empty = nullptr;
        node.next_ = nullptr;
        // release: as in push(). acquire: pairs with take_all(), so that the wake-up comes after
        // what the loop did before it took: uv_async_send looks, relaxed, whether the loop has
        // answered the last one, and must not see the time before that.
        pushed = top_.compare_exchange_strong(
            empty, &node, std::memory_order_acq_rel, std::memory_order_relaxed);
        if (pushed) {
            // Nor the time before an answer after which the loop only looked and found nothing:
            // pairs with the look of empty(). One of the two sees what the other has done before.
            std::atomic_thread_fence(std::memory_order_seq_cst);
            wake_(target_);
        }
    } else {
        std::this_thread::yield();  // close() is about to leave its mark
    }
    gate_.fetch_sub(one_sender, std::memory_order_release);
    return pushed;
}

void Inbox::check_invariants() const noexcept {
#ifndef NDEBUG
    // acquire: of two looks at what senders and close() change, in the order they are made.
    const bool marked = top_.load(std::memory_order_acquire) == closed_mark();
    EDDY_ASSERT(!marked || closed());
    EDDY_ASSERT(last_ == nullptr || marked);
#endif
}

void Inbox::close() noexcept {
    if (closed()) {
        return;
    }
    gate_.fetch_or(closed_bit, std::memory_order_acq_rel);
    // acquire: pairs with the release of every push that was accepted. release: see push().
    last_ = top_.exchange(closed_mark(), std::memory_order_acq_rel);
    // acquire: pairs with the release of the last sender. Late ones only bounce off.
    while (gate_.load(std::memory_order_acquire) != closed_bit) {
        std::this_thread::yield();
    }
    check_invariants();
}

InboxNode* Inbox::take_all() noexcept {
    if (empty()) {
        return nullptr;
    }
    // release: see push_first().
    InboxNode* taken = closed() ? std::exchange(last_, nullptr)
                                : top_.exchange(nullptr, std::memory_order_acq_rel);
    check_invariants();
    InboxNode* oldest_first = nullptr;
    while (taken != nullptr) {
        InboxNode* next = taken->next_;
        taken->next_ = oldest_first;
        oldest_first = taken;
        taken = next;
    }
    return oldest_first;
}

}  // namespace eddy::inline v0_1::detail
