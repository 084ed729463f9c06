// SPDX-License-Identifier: MIT
#include "work_queue.hpp"

namespace eddy::inline v0_1::detail {

void WorkQueue::next_in_line() noexcept {
    ListLink& first = *line_.next;
    first.unlink_self();
    --waiting_count_;
    enqueue(WorkAccess::from_link(first));
}

WorkQueue::Class& WorkQueue::next_class() noexcept {
    Class* best = &classes_.front();
    int total = 0;
    for (Class& candidate : classes_) {
        if (!candidate.ring.linked()) {
            continue;
        }
        candidate.credit += candidate.weight;
        total += candidate.weight;
        if (!best->ring.linked() || candidate.credit > best->credit) {
            best = &candidate;
        }
    }
    best->credit -= total;
    return *best;
}

void WorkQueue::remove(Work& work) noexcept {
    switch (WorkAccess::place(work)) {
        case in_queue:
            take_out(work);
            break;
        case in_line:
            --waiting_count_;
            [[fallthrough]];
        default:
            WorkAccess::link(work).unlink_self();
    }
    check_invariants();
}

}  // namespace eddy::inline v0_1::detail
