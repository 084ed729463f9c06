// SPDX-License-Identifier: MIT
#include <eddy/detail/deadline_heap.hpp>

#include <new>

namespace eddy::inline v0_1::detail {

void DeadlineHeap::insert(DeadlineNode& node, TimePoint when) {
    EDDY_ASSERT(!node.armed());
    if (!put(entry_of(node, when))) {
        throw std::bad_alloc();
    }
    ++next_order_;
    wake_if_first(node);
}

void DeadlineHeap::move(DeadlineNode& node, TimePoint when) {
    if (!node.armed()) {
        insert(node, when);
        return;
    }
    const Entry entry = entry_of(node, when);
    ++next_order_;
    if (in_line(node)) {
        line_.remove(node);
        const bool done = put(entry);  // there is room in the line
        EDDY_ASSERT(done);
        static_cast<void>(done);
    } else {
        settle(node.slot_, entry);
    }
    wake_if_first(node);
}

void DeadlineHeap::remove(DeadlineNode& node) noexcept {
    if (!node.armed()) {
        return;
    }
    if (in_line(node)) {
        line_.remove(node);
    } else {
        remove_at(node.slot_);
    }
}

std::size_t DeadlineHeap::fire_due(TimePoint now, std::size_t most) noexcept {
    const std::uint64_t first_new = next_order_;
    std::size_t fired = 0;
    while (fired != most) {
        const Entry* const entry = first();
        if (entry == nullptr || entry->when > now || entry->registration() >= first_new) {
            break;
        }
        DeadlineNode& node = *entry->node;
        if (in_line(node)) {
            line_.prefetch();
            line_.remove(node);
        } else {
            remove_at(0);
        }
        node.due();
        ++fired;
    }
    return fired;
}

TimePoint DeadlineHeap::second() const noexcept {
    if (heap_.empty()) {
        return line_.second();
    }
    if (first() != heap_.data()) {
        return std::min(line_.second(), heap_[0].when);
    }
    TimePoint earliest = line_.empty() ? never : line_.front().when;
    for (std::size_t child = 1; child < heap_.size() && child <= 4; ++child) {
        earliest = std::min(earliest, heap_[child].when);
    }
    return earliest;
}

// --- where to ----------------------------------------------------------------------------------

/// False if there is no room and no memory. There is room if an entry has been removed: its place,
/// wherever that was, is good for any other.
bool DeadlineHeap::put(const Entry& entry) noexcept {
    if (!line_.takes(entry)) {
        ++missed_;
        clear_the_way();
    }
    if (line_.takes(entry) && line_.append(entry)) {
        missed_ = 0;
        return true;
    }
    return put_in_heap(entry) || line_.squeeze_in(entry);
}

bool DeadlineHeap::put_in_heap(const Entry& entry) noexcept {
    try {
        heap_.push_back(entry);
    } catch (...) {
        return false;
    }
    sift_up(heap_.size() - 1, entry);
    return true;
}

/// Empties the line into the heap, if it is the few that keep the many out. Each entry takes this
/// way once at most, and only a sixteenth of them: no pattern makes it dear.
void DeadlineHeap::clear_the_way() noexcept {
    if (line_.size() > most_in_the_way || missed_ <= line_.size() * missed_by_each) {
        return;
    }
    while (!line_.empty() && put_in_heap(line_.front())) {
        line_.drop_front();
    }
}

// --- the heap ----------------------------------------------------------------------------------

void DeadlineHeap::settle(std::size_t slot, Entry entry) noexcept {
    if (slot != 0 && entry.before(heap_[(slot - 1) / 4])) {
        sift_up(slot, entry);
    } else {
        sift_down(slot, entry);
    }
}

void DeadlineHeap::sift_up(std::size_t slot, Entry entry) noexcept {
    while (slot != 0) {
        const std::size_t parent = (slot - 1) / 4;
        if (!entry.before(heap_[parent])) {
            break;
        }
        place(slot, heap_[parent]);
        slot = parent;
    }
    place(slot, entry);
}

void DeadlineHeap::sift_down(std::size_t slot, Entry entry) noexcept {
    const std::size_t count = heap_.size();
    while (true) {
        const std::size_t first = slot * 4 + 1;
        if (first >= count) {
            break;
        }
        const std::size_t last = first + 4 < count ? first + 4 : count;
        std::size_t best = first;
        for (std::size_t child = first + 1; child < last; ++child) {
            if (heap_[child].before(heap_[best])) {
                best = child;
            }
        }
        if (!heap_[best].before(entry)) {
            break;
        }
        place(slot, heap_[best]);
        slot = best;
    }
    place(slot, entry);
}

void DeadlineHeap::remove_at(std::size_t slot) noexcept {
    heap_[slot].node->slot_ = DeadlineNode::unarmed;
    const Entry moved = heap_.back();
    heap_.pop_back();
    if (slot != heap_.size()) {
        settle(slot, moved);
    }
    if (heap_.capacity() > most_kept && heap_.size() < heap_.capacity() / 8) [[unlikely]] {
        shrink();
    }
}

/// Leaves room for twice as many, and so for any that comes back.
void DeadlineHeap::shrink() noexcept {
    try {
        std::vector<Entry> fewer;
        fewer.reserve(std::max(most_kept / 4, heap_.size() * 2));
        fewer.assign(heap_.begin(), heap_.end());
        heap_.swap(fewer);
    } catch (...) {  // no memory for fewer: it stays
    }
}

}  // namespace eddy::inline v0_1::detail
