// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

#include <eddy/detail/list_link.hpp>
#include <eddy/executor.hpp>

#include "work_access.hpp"

namespace eddy::inline v0_1::detail {

/// The way into a busy pool that takes no lock: works that were submitted while nobody had to be
/// called for them. When it is shut, submitters take the pool's lock instead.
///
/// | field | who                                                                              |
/// |-------|----------------------------------------------------------------------------------|
/// | top_  | submitters push; who has the pool's lock takes all at once, opens and shuts      |
///
/// A work's link belongs to its submitter until the push, and then to who has the lock. The push
/// is the submitter's last look at work and stack: both may be gone before it returns.
class WorkStack final {
public:
    WorkStack() = default;
    WorkStack(const WorkStack&) = delete;
    WorkStack& operator=(const WorkStack&) = delete;

    /// Any thread. False: shut, the work still belongs to the caller.
    [[nodiscard]] bool push(Work& work) noexcept;

    /// Under the pool's lock, like what follows: everything in it, as a list for `next_of`, in
    /// order of submission.
    [[nodiscard]] Work* take_all() noexcept;
    [[nodiscard]] static Work* next_of(Work& work) noexcept {
        ListLink* const next = WorkAccess::link(work).next;
        return next != nullptr ? &WorkAccess::from_link(*next) : nullptr;
    }

    void open() noexcept;
    /// Takes all as well: no work is ever in a stack that is shut.
    [[nodiscard]] Work* shut() noexcept;

private:
    [[nodiscard]] static Work* turn_round(ListLink* newest_first) noexcept;

    ListLink shut_mark_;  // no work's, never followed: in top_ it refuses pushes
    std::atomic<ListLink*> top_{&shut_mark_};
};

inline bool WorkStack::push(Work& work) noexcept {
    ListLink& link = WorkAccess::link(work);
    ListLink* top = top_.load(std::memory_order_relaxed);
    while (top != &shut_mark_) {
        link.next = top;
        // release: publishes the work; pairs with the acquire in take_all() and shut().
        if (top_.compare_exchange_weak(
                top, &link, std::memory_order_release, std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

}  // namespace eddy::inline v0_1::detail
