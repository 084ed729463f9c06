// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/require.hpp>
#include <eddy/time.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1 {

/// What an `Interval` does about ticks whose time passed while nobody asked.
enum class MissedTick : std::uint8_t {
    burst,  ///< makes up for them: ticks at once until it has caught up
    delay,  ///< goes on from now: the next tick comes a period after the late one
    skip,   ///< leaves them out: the next tick comes at the next multiple of the period
};

/// A clock that ticks once in a period, however long the work between two ticks takes.
///
///     Interval interval(1s, MissedTick::skip);
///     while (running) {
///         co_await interval.tick();  // the first at once
///         publish(statistics());     // 300 ms: the next tick comes 700 ms later
///     }
///
/// With `sleep_for(1s)` instead, the time of the work would be added to each round.
///
/// A tick that is late by at most 5 ms counts as in time: the next one comes a period after the
/// moment this one was meant for, so timers that are a little late do not make it drift.
///
/// Requires: one job ticks at a time.
/// Throws:   `std::invalid_argument` for a period that is not positive.
/// Lifetime: outlives the waits for its ticks.
/// Source:   tokio's `Interval`.
class EDDY_API Interval final {
public:
    class Tick;

    /// The first tick comes at once. Throws: `InvalidState` outside a loop, which has the clock.
    explicit Interval(Duration period, MissedTick missed = MissedTick::burst);
    /// The first tick comes at `start`.
    Interval(TimePoint start, Duration period, MissedTick missed = MissedTick::burst);
    Interval(const Interval&) = delete;
    Interval& operator=(const Interval&) = delete;
    ~Interval() {
        EDDY_NO_USER(ticking_ == nullptr, "an Interval was destroyed while a job waits for a tick");
    }

    [[nodiscard]] Duration period() const noexcept { return period_; }
    [[nodiscard]] MissedTick missed_tick() const noexcept { return missed_; }

    /// Moves the next tick to a period from now, also one that is being waited for. One that has
    /// come, and whose job has not run yet, keeps its time: the next one comes a period from now.
    void reset();

    /// Waits for the next tick; returns the moment it was meant for.
    ///
    /// Throws:       `BusyResource` while another job waits for it; `WrongThread` off its loop.
    /// Cancellation: no tick is used up.
    [[nodiscard]] Tick tick() noexcept;

private:
    LoopBound bound_;
    TimePoint next_;
    Duration period_;
    MissedTick missed_;
    Tick* ticking_ = nullptr;  // from the try or start of the wait to its end
};

class EDDY_API Interval::Tick final : public Waiter, private detail::DeadlineNode {
public:
    explicit Tick(Interval& interval) noexcept : interval_(interval) {}

    [[nodiscard]] bool try_now();
    void start();
    TimePoint take();
    [[nodiscard]] const char* what() const noexcept override { return "Interval::tick"; }

private:
    friend class Interval;

    void due() noexcept override;
    void unlink() noexcept override;
    void pass_on() noexcept override { interval_.ticking_ = nullptr; }

    Interval& interval_;
    TimePoint meant_{};  // once it has come: `reset` may have moved the next one
};

inline Interval::Tick Interval::tick() noexcept { return Tick(*this); }

}  // namespace eddy::inline v0_1
