// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE LatchStatistics {
    std::int64_t count = 0;  ///< how many are still to come
    std::size_t waiters = 0;
};

/// Counts down to zero, once, and lets everybody through from then on.
///
/// For a number of things that is known from the start. For one that goes up and down, see
/// `Counter`; for jobs to wait for, a `TaskGroup` is enough.
///
///     Latch loaded(3);
///     loaded.count_down();      // in each of three jobs
///     co_await loaded.wait();   // in any number of others
///
/// Order:    waiters become ready in order of arrival, none runs inside `count_down`.
/// Lifetime: a latch outlives its waiters.
class EDDY_API Latch final {
public:
    class Wait;

    /// Throws: `std::invalid_argument` for a negative count. One of zero is open.
    explicit Latch(detail::Amount count);
    Latch(const Latch&) = delete;
    Latch& operator=(const Latch&) = delete;
    ~Latch();

    /// How many are still to come.
    [[nodiscard]] std::int64_t count() const;
    [[nodiscard]] bool is_open() const { return count() == 0; }
    [[nodiscard]] LatchStatistics statistics() const;

    /// Throws: `std::invalid_argument` for a negative amount, `std::out_of_range` for more than
    ///         are still to come; nothing has changed then.
    void count_down(detail::Amount amount = 1);

    /// Waits for zero. Cancellation: the job leaves the queue; nobody else can tell.
    [[nodiscard]] Wait wait();

private:
    // Invariant: count_ >= 0, and count_ == 0 implies waiting_.empty().
    LoopBound bound_;
    std::int64_t count_;
    WaitQueue waiting_;
};

class EDDY_API Latch::Wait final : public QueuedWaiter {
public:
    explicit Wait(Latch& latch) noexcept : latch_(latch) {}

    [[nodiscard]] bool try_now();
    void start();
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "Latch::wait"; }

private:
    Latch& latch_;
};

inline Latch::Wait Latch::wait() { return Wait(*this); }

}  // namespace eddy::inline v0_1
