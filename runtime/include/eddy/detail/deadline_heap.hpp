// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <eddy/detail/deadline_line.hpp>
#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/require.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1::detail {

/// All deadlines of a loop: a line of those that came in their order, as fixed timeouts and crowds
/// with one deadline do, and a four-way heap of the others. The nodes know their places.
///
/// What is far away is not to hold the line for long: when many have had to go into the heap
/// because of a few in the line, these follow them, and the line begins anew.
///
/// Order: by deadline, then by rank, then by order of registration.
/// Cost:  insert, remove and pop O(1) in the line, amortised, O(log n) in the heap; 24 bytes a
///        deadline here, and no look at the node. Allocates only to grow, or to shrink after a
///        crowd, and see `DeadlineLine`.
class EDDY_API DeadlineHeap final {
public:
    DeadlineHeap() = default;
    DeadlineHeap(const DeadlineHeap&) = delete;
    DeadlineHeap& operator=(const DeadlineHeap&) = delete;
    ~DeadlineHeap() { EDDY_REQUIRE(empty(), "a deadline outlived its loop"); }

    [[nodiscard]] bool empty() const noexcept { return line_.empty() && heap_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return line_.size() + heap_.size(); }
    /// How many deadlines there is memory for.
    [[nodiscard]] std::size_t capacity() const noexcept {
        return line_.capacity() + heap_.capacity();
    }

    /// The earliest deadline, `never` if there is none.
    [[nodiscard]] TimePoint next() const noexcept {
        const TimePoint when = line_.empty() ? never : line_.front().when;
        return heap_.empty() ? when : std::min(when, heap_[0].when);
    }

    /// The one after it, or a later one: there may be deadlines in the line that it does not look
    /// for, because many have been taken back before them.
    [[nodiscard]] TimePoint second() const noexcept;

    /// Throws: std::bad_alloc, nothing changed; but not in a call by `fire_due`, for the node that
    ///         has just been fired: its place is still free.
    void insert(DeadlineNode& node, TimePoint when);

    /// Gives the node another deadline, armed or not; it is registered anew.
    ///
    /// Throws: as `insert`, and never if it is armed.
    void move(DeadlineNode& node, TimePoint when);

    /// Calls `callback(target)` whenever there is an earlier deadline than before. Null: no more.
    void notify(void (*callback)(void* target) noexcept, void* target) noexcept {
        wake_ = callback;
        wake_target_ = target;
    }

    /// Does nothing to a node that is not armed.
    void remove(DeadlineNode& node) noexcept;

    /// Unarms and calls what is due at `now`, in order, `most` at a time; returns how many. What
    /// these calls insert waits for the next round.
    std::size_t fire_due(TimePoint now, std::size_t most = SIZE_MAX) noexcept;

private:
    using Entry = DeadlineEntry;
    // What is asked of the line before it is emptied into the heap.
    static constexpr std::size_t most_in_the_way = 64;
    static constexpr std::size_t missed_by_each = 16;
    static constexpr std::size_t most_kept = 1024;  // places in the heap, whatever their number was

    [[nodiscard]] static bool in_line(const DeadlineNode& node) noexcept {
        return (node.slot_ & DeadlineNode::in_line) != 0;
    }
    /// The earliest, null if there is none.
    [[nodiscard]] const Entry* first() const noexcept {
        if (line_.empty()) {
            return heap_.empty() ? nullptr : heap_.data();
        }
        return heap_.empty() || line_.front().before(heap_[0]) ? &line_.front() : heap_.data();
    }
    [[nodiscard]] Entry entry_of(DeadlineNode& node, TimePoint when) const noexcept {
        const auto rank = static_cast<std::uint64_t>(node.rank_) << Entry::rank_shift;
        return {when, rank | next_order_, &node};
    }
    [[nodiscard]] bool put(const Entry& entry) noexcept;
    [[nodiscard]] bool put_in_heap(const Entry& entry) noexcept;
    void clear_the_way() noexcept;
    void place(std::size_t slot, Entry entry) noexcept {
        heap_[slot] = entry;
        entry.node->slot_ = static_cast<std::uint32_t>(slot);
    }
    void sift_up(std::size_t slot, Entry entry) noexcept;
    void sift_down(std::size_t slot, Entry entry) noexcept;
    void settle(std::size_t slot, Entry entry) noexcept;
    void remove_at(std::size_t slot) noexcept;
    void shrink() noexcept;
    void wake_if_first(const DeadlineNode& node) const noexcept {
        if (wake_ != nullptr && first()->node == &node) [[unlikely]] {
            wake_(wake_target_);
        }
    }

    // Invariant: heap_[i].node->slot_ == i, and no entry is before its parent (i - 1) / 4.
    std::vector<Entry> heap_;
    DeadlineLine line_;
    std::size_t missed_ = 0;  // how many the line has not taken since it last took one
    std::uint64_t next_order_ = 0;
    void (*wake_)(void* target) noexcept = nullptr;
    void* wake_target_ = nullptr;
};

}  // namespace eddy::inline v0_1::detail
