// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <eddy/detail/export.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

/// A waiter's place in a `WaiterHeap` or a `WaiterRing`: in one of them, or in none.
struct WaiterPlace {
    WaiterPlace() noexcept = default;
    WaiterPlace(const WaiterPlace&) = delete;
    WaiterPlace& operator=(const WaiterPlace&) = delete;
    ~WaiterPlace() = default;

    WaiterPlace* prev = nullptr;   // heap: the left sibling, or the parent of a first child
    WaiterPlace* next = nullptr;   // heap: the right sibling
    WaiterPlace* child = nullptr;  // heap: the first child
    std::int64_t key = 0;
};

/// Waiters in order of arrival.
class WaiterRing final {
public:
    WaiterRing() noexcept { head_.prev = head_.next = &head_; }

    [[nodiscard]] bool empty() const noexcept { return head_.next == &head_; }
    [[nodiscard]] WaiterPlace* first() const noexcept { return head_.next; }
    /// What `first` and `next` come to behind the last one.
    [[nodiscard]] const WaiterPlace* end() const noexcept { return &head_; }

    void push_back(WaiterPlace& place) noexcept {
        place.prev = head_.prev;
        place.next = &head_;
        head_.prev->next = &place;
        head_.prev = &place;
    }
    static void remove(WaiterPlace& place) noexcept {
        place.prev->next = place.next;
        place.next->prev = place.prev;
    }

private:
    WaiterPlace head_;
};

/// Waiters by key, the smallest on top: a pairing heap made of the waiters themselves.
///
/// Cost:   insert and top constant, pop and remove O(log n) amortised; no allocation, no recursion.
/// Source: Fredman, Sedgewick, Sleator, Tarjan: The pairing heap (1986).
class EDDY_API WaiterHeap final {
public:
    WaiterHeap() noexcept = default;
    WaiterHeap(const WaiterHeap&) = delete;
    WaiterHeap& operator=(const WaiterHeap&) = delete;
    ~WaiterHeap() { EDDY_ASSERT(empty()); }

    [[nodiscard]] bool empty() const noexcept { return root_ == nullptr; }
    /// Requires: not empty.
    [[nodiscard]] WaiterPlace& top() const noexcept { return *root_; }

    void insert(WaiterPlace& place) noexcept {
        place.prev = place.next = place.child = nullptr;
        root_ = root_ != nullptr ? meld(root_, &place) : &place;
    }
    void pop() noexcept { root_ = merge_pairs(root_->child); }
    void remove(WaiterPlace& place) noexcept;

private:
    /// The one with the smaller key takes the other one as its first child.
    [[nodiscard]] static WaiterPlace* meld(WaiterPlace* a, WaiterPlace* b) noexcept;
    [[nodiscard]] static WaiterPlace* merge_pairs(WaiterPlace* first) noexcept;

    // Invariant: no child has a smaller key than its parent; root_ has no sibling and no parent.
    WaiterPlace* root_ = nullptr;
};

}  // namespace eddy::inline v0_1::detail
