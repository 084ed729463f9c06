// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <eddy/detail/export.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE ResettableEventStatistics {
    bool set = false;
    std::size_t waiters = 0;
};

/// A switch: while it is set, nobody has to wait.
///
/// A job that `set` has woken goes on even if somebody clears the event before it runs; what it
/// then finds may be over, so look again. For "wait until this is true", with the state in hand,
/// prefer a `Counter` or a `Condition`; for something that happens once, an `Event`.
///
///     ResettableEvent running;
///     co_await running.wait();  // pauses here
///     running.clear();          // pause
///     running.set();            // go on
///
/// Order:    waiters become ready in order of arrival, none runs inside `set`.
/// Lifetime: an event outlives its waiters.
class EDDY_API ResettableEvent final {
public:
    class Wait;

    ResettableEvent() = default;
    ResettableEvent(const ResettableEvent&) = delete;
    ResettableEvent& operator=(const ResettableEvent&) = delete;
    ~ResettableEvent();

    [[nodiscard]] bool is_set() const;
    [[nodiscard]] ResettableEventStatistics statistics() const;

    /// Lets everyone through who waits, and who comes before the next `clear`.
    void set();
    /// From now on, whoever comes waits.
    void clear();

    /// Waits until it is set. Cancellation: the job leaves the queue; nobody else can tell.
    [[nodiscard]] Wait wait();

private:
    // Invariant: set_ implies waiting_.empty().
    LoopBound bound_;
    bool set_ = false;
    WaitQueue waiting_;
};

class EDDY_API ResettableEvent::Wait final : public QueuedWaiter {
public:
    explicit Wait(ResettableEvent& event) noexcept : event_(event) {}

    [[nodiscard]] bool try_now();
    void start();
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "ResettableEvent::wait"; }

private:
    ResettableEvent& event_;
};

inline ResettableEvent::Wait ResettableEvent::wait() { return Wait(*this); }

}  // namespace eddy::inline v0_1
