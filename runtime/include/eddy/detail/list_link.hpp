// SPDX-License-Identifier: MIT
#pragma once

namespace eddy::detail {

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

    ListLink* prev;
    ListLink* next;
};

}  // namespace eddy::detail
