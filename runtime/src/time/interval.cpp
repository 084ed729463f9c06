// SPDX-License-Identifier: MIT
#include <eddy/interval.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1 {

namespace {

/// What timers are late by in ordinary life.
constexpr Duration tolerance = std::chrono::milliseconds(5);

/// `(now - meant) % period`, also when there are more nanoseconds between the two than a `Duration`
/// can hold.
[[nodiscard]] Duration part_of_period(TimePoint meant, TimePoint now, Duration period) noexcept {
    const auto count = [](auto time) { return static_cast<std::uint64_t>(time.count()); };
    const std::uint64_t late = count(now.time_since_epoch()) - count(meant.time_since_epoch());
    return Duration(static_cast<Duration::rep>(late % count(period)));
}

[[nodiscard]] TimePoint tick_after(TimePoint meant,
                                   TimePoint now,
                                   Duration period,
                                   MissedTick missed) noexcept {
    if (now <= after(meant, tolerance)) {
        return after(meant, period);
    }
    switch (missed) {
        case MissedTick::burst:
            break;
        case MissedTick::delay:
            return after(now, period);
        case MissedTick::skip:
            return after(now, period - part_of_period(meant, now, period));
    }
    return after(meant, period);
}

}  // namespace

Interval::Interval(Duration period, MissedTick missed) : Interval(now(), period, missed) {}

Interval::Interval(TimePoint start, Duration period, MissedTick missed)
    : next_(start), period_(period), missed_(missed) {
    if (period <= Duration::zero()) {
        throw std::invalid_argument("an Interval's period must be longer than zero");
    }
}

void Interval::reset() {
    bound_.check("Interval::reset");
    next_ = after(now(), period_);
    if (ticking_ != nullptr && ticking_->armed()) {
        detail::DeadlineHeap& deadlines = detail::thread_state.core->deadlines;
        deadlines.remove(*ticking_);
        deadlines.insert(*ticking_, next_);
    }
}

bool Interval::Tick::try_now() {
    interval_.bound_.check("Interval::tick");
    if (interval_.ticking_ != nullptr) {
        throw BusyResource("Interval::tick: another job is waiting for the next tick");
    }
    if (now() < interval_.next_) {
        return false;
    }
    interval_.ticking_ = this;
    meant_ = interval_.next_;
    return true;
}

void Interval::Tick::start() {
    if (interval_.ticking_ != nullptr) {  // a second tick in the same select
        throw BusyResource("Interval::tick: another wait for the next tick is under way");
    }
    detail::thread_state.core->deadlines.insert(*this, interval_.next_);
    interval_.ticking_ = this;
}

void Interval::Tick::due() noexcept {
    meant_ = interval_.next_;
    commit();
}

TimePoint Interval::Tick::take() {
    interval_.ticking_ = nullptr;
    if (interval_.next_ == meant_) {  // else it was reset since, to a later moment
        interval_.next_ = tick_after(meant_, now(), interval_.period_, interval_.missed_);
    }
    return meant_;
}

void Interval::Tick::unlink() noexcept {
    detail::thread_state.core->deadlines.remove(*this);
    interval_.ticking_ = nullptr;
}

}  // namespace eddy::inline v0_1
