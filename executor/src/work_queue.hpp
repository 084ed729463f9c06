// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <eddy/detail/list_link.hpp>
#include <eddy/executor.hpp>

namespace eddy::detail {

/// What a pool has been given and does not run yet: three queues, in which at most `bound` works
/// have a slot, and a line of those that wait for one.
///
/// Order: see `Priority`; inside one, and in the line, first in first out. Smooth weighted round
///        robin, so that among 13 consecutive works from full queues there is always a low one.
/// Threading: under the pool's lock.
///
/// Invariant: waiting_count_ != 0 implies count_ == bound_.
class WorkQueue final {
public:
    explicit WorkQueue(std::size_t bound) noexcept : bound_(bound) {}
    WorkQueue(const WorkQueue&) = delete;
    WorkQueue& operator=(const WorkQueue&) = delete;

    [[nodiscard]] std::size_t queued() const noexcept { return count_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_count_; }
    /// True while a work that comes now would start after one of its own class that is here.
    [[nodiscard]] bool has(Priority priority) const noexcept {
        return classes_[static_cast<std::size_t>(priority)].ring.linked();
    }

    void push(Work& work) noexcept;
    /// The next one, claimed; null when there is none. Withdrawn ones are set aside, until
    /// `remove`.
    [[nodiscard]] Work* claim_next() noexcept;
    /// Takes a withdrawn work out.
    void remove(Work& work) noexcept;
    /// True while works that were withdrawn and set aside wait for their `remove`.
    [[nodiscard]] bool has_leavers() const noexcept { return leaving_.linked(); }

private:
    struct Class {
        int weight;
        int credit = 0;
        ListLink ring = {};
    };

    enum Place : std::uint8_t { nowhere, in_queue, in_line, set_aside };

    [[nodiscard]] Work* pop() noexcept;
    void enqueue(Work& work) noexcept;
    void slot_free() noexcept;
    static void append(ListLink& list, Work& work, Place place) noexcept;

    std::size_t bound_;
    std::size_t count_ = 0;
    std::size_t waiting_count_ = 0;
    std::array<Class, 3> classes_{{{8}, {4}, {1}}};
    ListLink line_;
    ListLink leaving_;
};

}  // namespace eddy::detail
