// SPDX-License-Identifier: MIT
#include "work_queue.hpp"

#include "work_access.hpp"

namespace eddy::detail {

void WorkQueue::append(ListLink& list, Work& work, Place place) noexcept {
    WorkAccess::place(work) = place;
    WorkAccess::link(work).insert_before(list);
}

void WorkQueue::push(Work& work) noexcept {
    if (count_ == bound_) {
        append(line_, work, in_line);
        ++waiting_count_;
        return;
    }
    enqueue(work);
}

void WorkQueue::enqueue(Work& work) noexcept {
    append(classes_[static_cast<std::size_t>(work.priority())].ring, work, in_queue);
    ++count_;
}

void WorkQueue::slot_free() noexcept {
    --count_;
    if (waiting_count_ != 0) {
        ListLink& first = *line_.next;
        first.unlink_self();
        --waiting_count_;
        enqueue(WorkAccess::from_link(first));
    }
}

Work* WorkQueue::pop() noexcept {
    Class* best = nullptr;
    int total = 0;
    for (Class& candidate : classes_) {
        if (!candidate.ring.linked()) {
            continue;
        }
        candidate.credit += candidate.weight;
        total += candidate.weight;
        if (best == nullptr || candidate.credit > best->credit) {
            best = &candidate;
        }
    }
    if (best == nullptr) {
        return nullptr;
    }
    best->credit -= total;
    ListLink& first = *best->ring.next;
    first.unlink_self();
    if (!best->ring.linked()) {
        best->credit = 0;  // an empty queue saves nothing up
    }
    slot_free();
    return &WorkAccess::from_link(first);
}

Work* WorkQueue::claim_next() noexcept {
    while (Work* work = pop()) {
        if (WorkAccess::claim(*work)) {
            WorkAccess::place(*work) = nowhere;
            return work;
        }
        append(leaving_, *work, set_aside);
    }
    return nullptr;
}

void WorkQueue::remove(Work& work) noexcept {
    const std::uint8_t place = WorkAccess::place(work);
    WorkAccess::link(work).unlink_self();
    if (place == in_queue) {
        slot_free();
    } else if (place == in_line) {
        --waiting_count_;
    }
}

}  // namespace eddy::detail
