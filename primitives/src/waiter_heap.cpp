// SPDX-License-Identifier: MIT
#include <eddy/detail/waiter_heap.hpp>

#include <utility>

namespace eddy::inline v0_1::detail {

WaiterPlace* WaiterHeap::meld(WaiterPlace* a, WaiterPlace* b) noexcept {
    if (b->key < a->key) {
        std::swap(a, b);
    }
    b->prev = a;
    b->next = a->child;
    if (b->next != nullptr) {
        b->next->prev = b;
    }
    a->child = b;
    return a;
}

WaiterPlace* WaiterHeap::merge_pairs(WaiterPlace* first) noexcept {
    WaiterPlace* pairs = nullptr;  // linked through next, the last one on top
    while (first != nullptr) {
        WaiterPlace* pair = first;
        WaiterPlace* second = pair->next;
        first = nullptr;
        if (second != nullptr) {
            first = second->next;
            pair = meld(pair, second);
        }
        pair->next = pairs;
        pairs = pair;
    }
    if (pairs == nullptr) {
        return nullptr;
    }
    WaiterPlace* root = pairs;
    pairs = pairs->next;
    while (pairs != nullptr) {
        WaiterPlace* rest = pairs->next;
        root = meld(root, pairs);
        pairs = rest;
    }
    root->prev = root->next = nullptr;
    return root;
}

void WaiterHeap::remove(WaiterPlace& place) noexcept {
    if (&place == root_) {
        pop();
        return;
    }
    if (place.prev->child == &place) {
        place.prev->child = place.next;
    } else {
        place.prev->next = place.next;
    }
    if (place.next != nullptr) {
        place.next->prev = place.prev;
    }
    if (WaiterPlace* orphans = merge_pairs(place.child)) {
        root_ = meld(root_, orphans);
    }
}

}  // namespace eddy::inline v0_1::detail
