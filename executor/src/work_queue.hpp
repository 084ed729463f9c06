// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include <eddy/detail/list_link.hpp>
#include <eddy/executor.hpp>
#include <eddy/require.hpp>

#include "work_access.hpp"

namespace eddy::inline v0_1::detail {

/// What a pool has been given and does not run yet: three queues, in which at most `bound` works
/// have a slot, and a line of those that wait for one.
///
/// Order: see `Priority`; inside one, and in the line, first in first out. Smooth weighted round
///        robin, so that among 13 consecutive works from full queues there is always a low one.
/// Threading: under the pool's lock.
/// Cost:      what each call goes through is inline, and looks at one class if that is all there
///            is.
///
/// Invariant: count_ <= bound_; waiting_count_ != 0 implies count_ == bound_, and that somebody is
/// in
///            the line. In debug builds every change looks, in constant time.
class WorkQueue final {
public:
    explicit WorkQueue(std::size_t bound) noexcept : bound_(bound) {}
    WorkQueue(const WorkQueue&) = delete;
    WorkQueue& operator=(const WorkQueue&) = delete;

    [[nodiscard]] std::size_t queued() const noexcept { return count_; }
    /// The next one would have to wait for a slot.
    [[nodiscard]] bool full() const noexcept { return count_ == bound_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_count_; }
    [[nodiscard]] bool has(Priority priority) const noexcept {
        return (in_use_ & bit_of(priority)) != 0;
    }

    void push(Work& work) noexcept;
    /// The next one, claimed; null when there is none. Withdrawn ones are set aside, until
    /// `remove`.
    [[nodiscard]] Work* claim_next() noexcept;
    /// Takes a withdrawn work out.
    void remove(Work& work) noexcept;
    /// True while works that were withdrawn and set aside wait for their `remove`.
    [[nodiscard]] bool has_leavers() const noexcept { return leaving_.linked(); }

    void check_invariants() const noexcept;

private:
    struct Class {
        int weight;
        int credit = 0;
        ListLink ring = {};
    };

    enum Place : std::uint8_t { nowhere, in_queue, in_line, set_aside };

    [[nodiscard]] static constexpr std::uint8_t bit_of(Priority priority) noexcept {
        return static_cast<std::uint8_t>(1U << static_cast<unsigned>(priority));
    }

    [[nodiscard]] Class& next_class() noexcept;
    [[nodiscard]] Work* pop() noexcept;
    void enqueue(Work& work) noexcept;
    void take_out(Work& work) noexcept;
    void next_in_line() noexcept;
    static void append(ListLink& list, Work& work, Place place) noexcept {
        WorkAccess::place(work) = place;
        WorkAccess::link(work).insert_before(list);
    }

    // Invariant: a class has its bit in in_use_ == its ring is not empty.
    std::uint8_t in_use_ = 0;
    const std::size_t bound_;
    std::size_t count_ = 0;
    std::size_t waiting_count_ = 0;
    std::array<Class, 3> classes_{{{8}, {4}, {1}}};
    ListLink line_;
    ListLink leaving_;
};

inline void WorkQueue::push(Work& work) noexcept {
    if (full()) [[unlikely]] {
        append(line_, work, in_line);
        ++waiting_count_;
    } else {
        enqueue(work);
    }
    check_invariants();
}

inline void WorkQueue::check_invariants() const noexcept {
#ifndef NDEBUG
    EDDY_ASSERT(count_ <= bound_);
    EDDY_ASSERT(waiting_count_ == 0 || count_ == bound_);
    EDDY_ASSERT(line_.linked() == (waiting_count_ != 0));
    EDDY_ASSERT((in_use_ != 0) == (count_ != 0));
    for (const Priority priority : {Priority::high, Priority::normal, Priority::low}) {
        const Class& of = classes_[static_cast<std::size_t>(priority)];
        EDDY_ASSERT(of.ring.linked() == has(priority));
        EDDY_ASSERT(of.ring.linked() || of.credit == 0);
    }
#endif
}

inline void WorkQueue::enqueue(Work& work) noexcept {
    append(classes_[static_cast<std::size_t>(work.priority())].ring, work, in_queue);
    in_use_ |= bit_of(work.priority());
    ++count_;
}

/// Of its class: its slot is free.
inline void WorkQueue::take_out(Work& work) noexcept {
    Class& from = classes_[static_cast<std::size_t>(work.priority())];
    WorkAccess::link(work).unlink_self();
    if (!from.ring.linked()) {
        from.credit = 0;  // an empty queue saves nothing up
        in_use_ &= static_cast<std::uint8_t>(~bit_of(work.priority()));
    }
    --count_;
    if (waiting_count_ != 0) [[unlikely]] {
        next_in_line();
    }
}

inline Work* WorkQueue::pop() noexcept {
    if (in_use_ == 0) {
        return nullptr;
    }
    // With one class in use, the round robin would give it its turn and leave its credit alone.
    Class& from = in_use_ == bit_of(Priority::normal)
                      ? classes_[static_cast<std::size_t>(Priority::normal)]
                      : next_class();
    Work& first = WorkAccess::from_link(*from.ring.next);
    take_out(first);
    return &first;
}

inline Work* WorkQueue::claim_next() noexcept {
    while (Work* work = pop()) {
        if (WorkAccess::claim(*work)) [[likely]] {
            WorkAccess::place(*work) = nowhere;
            check_invariants();
            return work;
        }
        append(leaving_, *work, set_aside);
    }
    return nullptr;
}

}  // namespace eddy::inline v0_1::detail
