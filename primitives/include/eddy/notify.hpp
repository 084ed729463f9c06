// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <eddy/detail/export.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE NotifyStatistics {
    bool permit = false;  ///< one is stored
    std::size_t waiters = 0;
};

/// "Look again": wakes one job, or all that wait, about something they check for themselves.
///
/// A notification for one that finds nobody is kept, but at most one: many notifications before a
/// job comes are one. It carries no state; to wait for one, see `Counter`, `Event` or `Condition`.
///
///     Notify work;
///     items.push_back(item);          while (true) {
///     work.notify_one();                  while (!items.empty()) { ... }
///                                         co_await work.wait();
///                                     }
///
/// Order:    `notify_one` takes the longest waiter. None runs inside a notification.
/// Lifetime: a notify outlives its waiters.
/// Source:   tokio's Notify; issues 5396, 7965 and 7996.
class EDDY_API Notify final {
public:
    class Wait;

    Notify() = default;
    Notify(const Notify&) = delete;
    Notify& operator=(const Notify&) = delete;
    ~Notify();

    [[nodiscard]] NotifyStatistics statistics() const;

    /// Wakes the longest waiter, or keeps the notification for the next one to come. One whose job
    /// is destroyed before it runs goes to the next.
    void notify_one();

    /// Wakes exactly those that wait now; keeps nothing. A job that comes back is woken again only
    /// by another call.
    void notify_all();

    /// Waits for a notification, or takes the one that is kept.
    [[nodiscard]] Wait wait();

private:
    void pass_one() noexcept;

    // Invariant: permit_ implies waiting_.empty().
    LoopBound bound_;
    bool permit_ = false;
    WaitQueue waiting_;
};

class EDDY_API Notify::Wait final : public QueuedWaiter {
public:
    explicit Wait(Notify& notify) noexcept : notify_(notify) {}

    [[nodiscard]] bool try_now();
    void start();
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "Notify::wait"; }

private:
    friend class Notify;
    void pass_on() noexcept override;

    Notify& notify_;
    bool owns_one_ = false;  // committed by notify_one, or with the stored permit
};

inline Notify::Wait Notify::wait() { return Wait(*this); }

}  // namespace eddy::inline v0_1
