// SPDX-License-Identifier: MIT
#pragma once

namespace eddy::inline v0_1::detail {

/// One node, or the head, of an intrusive, doubly linked ring.
struct ListLink {
    ListLink() noexcept : prev(this), next(this) {}
    ListLink(const ListLink&) = delete;
    ListLink& operator=(const ListLink&) = delete;

    [[nodiscard]] bool linked() const noexcept { return next != this; }

    void unlink_self() noexcept {
        prev->next = next;
        next->prev = prev;
        prev = next = this;
    }

    void insert_before(ListLink& place) noexcept {
        prev = place.prev;
        next = &place;
        prev->next = this;
        place.prev = this;
    }

    /// Of two heads: moves all nodes of the other ring to this one, which has none.
    void take(ListLink& other) noexcept {
        if (other.linked()) {
            next = other.next;
            prev = other.prev;
            next->prev = prev->next = this;
            other.next = other.prev = &other;
        }
    }

    ListLink* prev;
    ListLink* next;
};

}  // namespace eddy::inline v0_1::detail
