// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <eddy/detail/job.hpp>

namespace eddy::detail {

/// The jobs that can go on, first in, first out.
///
/// For tests, a seed makes the order random instead: everything that is queued when the previous
/// batch is used up is shuffled. The same seed gives the same order.
class ReadyQueue final {
public:
    [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    void push(Job& job) noexcept {
        job.ready_next = nullptr;
        job.queued = true;
        ++size_;
        if (Job* const last = std::exchange(tail_, &job)) {
            last->ready_next = &job;
            return;
        }
        head_ = &job;
    }

    /// For its owner, after a push.
    [[nodiscard]] bool must_wake() const noexcept { return wake_ != nullptr; }
    void wake_if_first() const noexcept {
        if (wake_ != nullptr && size_ == 1) {
            wake_(wake_target_);
        }
    }

    /// Requires: not empty.
    [[nodiscard]] Job& pop() noexcept {
        if (seeded_ && batch_ == 0) [[unlikely]] {
            shuffle();
        }
        Job& job = *head_;
        head_ = job.ready_next;
        if (head_ == nullptr) {
            tail_ = nullptr;
        }
        job.queued = false;
        --size_;
        --batch_;
        return job;
    }

    /// Calls `wake(target)` whenever the queue stops being empty: on a host's loop, which may have
    /// decided to block already. Null: no more.
    void notify(void (*wake)(void* target) noexcept, void* target) noexcept {
        wake_ = wake;
        wake_target_ = target;
    }

    /// Forgets everybody, for teardown.
    void clear() noexcept;

    /// From now on: random, from this seed; nothing: FIFO.
    void seed(std::optional<std::uint64_t> seed) noexcept;

private:
    void shuffle() noexcept;
    [[nodiscard]] std::uint64_t random() noexcept;

    Job* head_ = nullptr;
    Job* tail_ = nullptr;
    std::size_t size_ = 0;
    std::size_t batch_ = 0;  // what is left of the shuffled batch; of no meaning when not seeded
    void (*wake_)(void* target) noexcept = nullptr;
    void* wake_target_ = nullptr;
    bool seeded_ = false;
    std::uint64_t random_state_ = 0;
};

}  // namespace eddy::detail
