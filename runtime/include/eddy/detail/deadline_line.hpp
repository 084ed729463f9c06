// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1::detail {

/// Deadlines that were registered in their order: a ring, sorted because each is appended only when
/// it is not before the last one. Deadlines that do not fit in are for the heap beside it.
///
/// Who leaves in the middle leaves a gap, which keeps its place in the order. Gaps at the ends go
/// at once, all others when the ring is full: if they are half of it, the living close up, if not,
/// it grows.
///
/// Cost: append, remove and pop O(1), amortised; 24 bytes an entry. Allocates only to grow, and to
///       shrink, which it does when it has been used once around and was not a quarter full.
class EDDY_API DeadlineLine final {
public:
    [[nodiscard]] bool empty() const noexcept { return living_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return living_; }
    /// How many entries there is memory for.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

    /// Requires, both: not empty.
    [[nodiscard]] const DeadlineEntry& front() const noexcept { return at(first_); }
    [[nodiscard]] const DeadlineEntry& back() const noexcept { return at(end_ - 1); }

    /// The deadline after the front's, unless there are more gaps between them than it looks at:
    /// then `never`, as when there is none.
    [[nodiscard]] TimePoint second() const noexcept {
        for (std::uint32_t i = first_ + 1; i != end_ && i != first_ + 5; ++i) {
            if (at(i).node != nullptr) {
                return at(i).when;
            }
        }
        return never;
    }

    [[nodiscard]] bool takes(const DeadlineEntry& entry) const noexcept {
        return empty() || back().before(entry);
    }

    /// Requires: `takes(entry)`.
    /// Returns:  false if there is no room and no memory; never after an entry was removed.
    [[nodiscard]] bool append(const DeadlineEntry& entry) noexcept {
        if ((end_ & (capacity_ - 1)) == 0 || end_ - first_ == capacity_) [[unlikely]] {
            if (!make_room()) {
                return false;
            }
        }
        place(end_++, entry);
        ++living_;
        most_ = living_ > most_ ? living_ : most_;
        return true;
    }

    /// Puts the entry where it belongs, by shifting the later ones: O(n), when memory is short.
    /// Requires and returns: as `append`, whatever the deadline.
    [[nodiscard]] bool squeeze_in(const DeadlineEntry& entry) noexcept;

    /// Unarms the node. Requires: it is in the line.
    void remove(DeadlineNode& node) noexcept {
        at(node.slot_).node = nullptr;
        node.slot_ = DeadlineNode::unarmed;
        --living_;
        trim();
    }
    /// Requires: the front's node has got another place.
    void drop_front() noexcept {
        at(first_).node = nullptr;
        --living_;
        trim();
    }

    /// Has a node come closer that is due soon: it is in memory that nobody has touched for long.
    /// (g++ takes a function that does no more than this for one that does nothing.)
    [[gnu::always_inline]] void prefetch() const noexcept {
        if (end_ - first_ > prefetched) {
            __builtin_prefetch(at(first_ + prefetched).node);
        }
    }

private:
    struct Release {
        void operator()(DeadlineEntry* ring) const noexcept { ::operator delete(ring); }
    };
    static constexpr std::uint32_t least_capacity = 32;
    static constexpr std::uint32_t prefetched = 8;

    /// Of a place's number, with or without `in_line`.
    [[nodiscard]] DeadlineEntry& at(std::uint32_t number) const noexcept {
        return ring_[number & (capacity_ - 1)];
    }
    void place(std::uint32_t number, const DeadlineEntry& entry) noexcept {
        at(number) = entry;
        entry.node->slot_ = number | DeadlineNode::in_line;
    }
    void trim() noexcept {
        if (living_ == 0) {
            first_ = end_;
            return;
        }
        while (at(first_).node == nullptr) {
            ++first_;
        }
        while (at(end_ - 1).node == nullptr) {
            --end_;
        }
    }
    [[nodiscard]] bool make_room() noexcept;
    bool resize(std::uint32_t capacity) noexcept;
    void close_up() noexcept;

    // Places are numbered without end, modulo 2^32: [first_, end_) is the line. The entry of
    // number i is ring_[i % capacity_], and stays the same when the ring becomes larger.
    //
    // Invariant: end_ - first_ <= capacity_, which is 0 or a power of two;
    //            no entry in the line is before the previous one, gaps (node == nullptr) included;
    //            an entry that is no gap has node->slot_ == i | in_line: there are living_ of them,
    //            and if there are any, the first and the last are such.
    std::unique_ptr<DeadlineEntry[], Release> ring_;
    std::uint32_t capacity_ = 0;
    std::uint32_t first_ = 0;
    std::uint32_t end_ = 0;
    std::uint32_t living_ = 0;
    std::uint32_t most_ = 0;  // living at the same time, since the last look at the capacity
};

}  // namespace eddy::inline v0_1::detail
