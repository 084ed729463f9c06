// SPDX-License-Identifier: MIT
#include <eddy/detail/queue_core.hpp>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

QueueCore::~QueueCore() {
    EDDY_NO_USER(takers_.empty() && givers_.empty() && joiners_.empty() && owed_ == 0,
                 "a Queue was destroyed while jobs wait on it, or have been given an item and not "
                 "run yet: shut it down and wait for them first");
}

std::size_t QueueCore::check_capacity(Count given) {
    const std::size_t capacity = given.checked("Queue: the capacity");
    if (capacity == 0) {
        throw std::invalid_argument(
            "Queue: the capacity is 0; for items that go from hand to hand use open_channel(0), "
            "for a queue without a bound Queue(unbounded)");
    }
    return capacity;
}

void QueueCore::throw_shut(const char* what) {
    throw ClosedResource(
        std::string(what) +
        ": the queue has been shut down; the item was not put and is where it was");
}

void QueueCore::throw_drained(const char* what) {
    throw EndOfStream(std::string(what) +
                      ": the queue has been shut down and nothing is left in it");
}

void QueueCore::discarded(std::size_t count) noexcept {
    unfinished_ -= std::min<std::uint64_t>(count, unfinished_);  // see finish_one
    if (unfinished_ == 0) {
        joiners_.wake_all();
    }
}

void QueueCore::finish_one(std::size_t stored) {
    bound_.check("Queue::task_done");
    // Still one too many may get by: when a job that has its item dies, and the item comes back.
    if (unfinished_ <= stored) {
        throw InvalidState(
            "Queue::task_done: every item that was taken is done already; call it once for each");
    }
    discarded(1);
}

void QueueCore::shut(bool dropping) noexcept {
    shut_ = true;
    dropping_ = dropping;
    end_all(givers_, End::closed);
    end_all(takers_, End::drained);
}

QueueStatistics QueueCore::statistics_of(std::size_t size) const {
    return {.capacity = capacity_,
            .size = size,
            .unfinished = unfinished_,
            .putters = givers_.size(),
            .getters = takers_.size(),
            .joiners = joiners_.size(),
            .shut_down = shut_};
}

}  // namespace eddy::inline v0_1::detail
