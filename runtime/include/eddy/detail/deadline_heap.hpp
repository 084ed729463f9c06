// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <eddy/require.hpp>
#include <eddy/time.hpp>

namespace eddy::detail {

/// Something with a deadline: a sleeping job, a scope, a timer. Its owner embeds it.
class DeadlineNode {
public:
    DeadlineNode(const DeadlineNode&) = delete;
    DeadlineNode& operator=(const DeadlineNode&) = delete;

    [[nodiscard]] bool armed() const noexcept { return slot_ != unarmed; }

protected:
    DeadlineNode() noexcept = default;
    virtual ~DeadlineNode() = default;

    /// The deadline passed; the node is no longer armed. Commits, cancels, queues; runs no user
    /// code.
    virtual void due() noexcept = 0;

private:
    friend class DeadlineHeap;
    static constexpr std::uint32_t unarmed = UINT32_MAX;

    std::uint32_t slot_ = unarmed;
};

/// All deadlines of a loop: a four-way heap whose nodes know their place.
///
/// Order: by deadline, then by order of registration.
/// Cost:  insert, remove and pop O(log n); 24 bytes a deadline here, and no look at the node, which
///        is somewhere else: 100,000 equal deadlines take a third of the time. Allocates only to
///        grow.
class DeadlineHeap final {
public:
    DeadlineHeap() = default;
    DeadlineHeap(const DeadlineHeap&) = delete;
    DeadlineHeap& operator=(const DeadlineHeap&) = delete;
    ~DeadlineHeap() { EDDY_REQUIRE(empty(), "a deadline outlived its loop"); }

    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

    /// The earliest deadline, `never` if there is none.
    [[nodiscard]] TimePoint next() const noexcept { return empty() ? never : entries_[0].when; }

    /// The one after it.
    [[nodiscard]] TimePoint second() const noexcept {
        TimePoint earliest = never;
        for (std::size_t child = 1; child < entries_.size() && child <= 4; ++child) {
            earliest = std::min(earliest, entries_[child].when);
        }
        return earliest;
    }

    /// Throws: std::bad_alloc, nothing changed.
    void insert(DeadlineNode& node, TimePoint when);

    /// Gives the node another deadline, armed or not; it is registered anew. Throws like `insert`.
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
    struct Entry {
        TimePoint when;
        std::uint64_t order;  // of registration, for equal deadlines
        DeadlineNode* node;
    };

    [[nodiscard]] static bool before(const Entry& a, const Entry& b) noexcept {
        return a.when != b.when ? a.when < b.when : a.order < b.order;
    }
    void place(std::size_t slot, Entry entry) noexcept {
        entries_[slot] = entry;
        entry.node->slot_ = static_cast<std::uint32_t>(slot);
    }
    void sift_up(std::size_t slot, Entry entry) noexcept;
    void sift_down(std::size_t slot, Entry entry) noexcept;
    void settle(std::size_t slot, Entry entry) noexcept;
    void remove_at(std::size_t slot) noexcept;
    void wake_if_first(const DeadlineNode& node) const noexcept {
        if (wake_ != nullptr && node.slot_ == 0) [[unlikely]] {
            wake_(wake_target_);
        }
    }

    // Invariant: entries_[i].node->slot_ == i, and no entry is before its parent (i - 1) / 4.
    std::vector<Entry> entries_;
    std::uint64_t next_order_ = 0;
    void (*wake_)(void* target) noexcept = nullptr;
    void* wake_target_ = nullptr;
};

}  // namespace eddy::detail
