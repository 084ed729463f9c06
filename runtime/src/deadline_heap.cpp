// SPDX-License-Identifier: MIT
#include <eddy/detail/deadline_heap.hpp>

namespace eddy::detail {

void DeadlineHeap::insert(DeadlineNode& node, TimePoint when) {
    EDDY_ASSERT(!node.armed());
    const Entry entry{when, next_order_, &node};
    entries_.push_back(entry);
    ++next_order_;
    sift_up(entries_.size() - 1, entry);
    wake_if_first(node);
}

void DeadlineHeap::move(DeadlineNode& node, TimePoint when) {
    if (!node.armed()) {
        insert(node, when);
        return;
    }
    settle(node.slot_, {when, next_order_++, &node});
    wake_if_first(node);
}

void DeadlineHeap::settle(std::size_t slot, Entry entry) noexcept {
    if (slot != 0 && before(entry, entries_[(slot - 1) / 4])) {
        sift_up(slot, entry);
    } else {
        sift_down(slot, entry);
    }
}

void DeadlineHeap::remove(DeadlineNode& node) noexcept {
    if (node.armed()) {
        remove_at(node.slot_);
    }
}

std::size_t DeadlineHeap::fire_due(TimePoint now, std::size_t most) noexcept {
    const std::uint64_t first_new = next_order_;
    std::size_t fired = 0;
    while (fired != most && !empty() && entries_[0].when <= now && entries_[0].order < first_new) {
        DeadlineNode& node = *entries_[0].node;
        remove_at(0);
        node.due();
        ++fired;
    }
    return fired;
}

void DeadlineHeap::sift_up(std::size_t slot, Entry entry) noexcept {
    while (slot != 0) {
        const std::size_t parent = (slot - 1) / 4;
        if (!before(entry, entries_[parent])) {
            break;
        }
        place(slot, entries_[parent]);
        slot = parent;
    }
    place(slot, entry);
}

void DeadlineHeap::sift_down(std::size_t slot, Entry entry) noexcept {
    const std::size_t count = entries_.size();
    while (true) {
        const std::size_t first = slot * 4 + 1;
        if (first >= count) {
            break;
        }
        const std::size_t last = first + 4 < count ? first + 4 : count;
        std::size_t best = first;
        for (std::size_t child = first + 1; child < last; ++child) {
            if (before(entries_[child], entries_[best])) {
                best = child;
            }
        }
        if (!before(entries_[best], entry)) {
            break;
        }
        place(slot, entries_[best]);
        slot = best;
    }
    place(slot, entry);
}

void DeadlineHeap::remove_at(std::size_t slot) noexcept {
    entries_[slot].node->slot_ = DeadlineNode::unarmed;
    const Entry moved = entries_.back();
    entries_.pop_back();
    if (slot != entries_.size()) {
        settle(slot, moved);
    }
}

}  // namespace eddy::detail
