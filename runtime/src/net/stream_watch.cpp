// SPDX-License-Identifier: MIT
#include <eddy/detail/stream_watch.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>

#include <eddy/detail/job.hpp>
#include <eddy/detail/scope_node.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

// --- one operation -----------------------------------------------------------------------------

void StreamWatch::begins(Side side) {
    if (core_ == nullptr) {
        throw LoopClosed("a TimedStream belongs to a loop that is over");
    }
    if (!core_->here()) {
        throw WrongThread("a TimedStream belongs to its loop's thread");
    }
    require_free(side);
    of(side).since = core_->clock->now();
    arm(end_of(of(side)));  // for its wait, so that this cannot fail for want of memory
}

void StreamWatch::require_free(Side side) const {
    if (busy(side)) {
        throw BusyResource(side == Side::write ? "another job writes to this stream"
                                               : "another job reads from this stream");
    }
}

void StreamWatch::waits(Side side, Patient& who) {
    require_free(side);     // another operation of the same select
    arm(end_of(of(side)));  // the timeouts may be new
    of(side).waiting = &who;
}

void StreamWatch::stopped(Side side) noexcept {
    if (busy(side)) {
        of(side).waiting = nullptr;
        stop_clock(of(side));
    }
}

void StreamWatch::moved(Side which, std::size_t bytes) noexcept {
    Direction& side = of(which);
    if (bytes != 0) {
        active_ = std::max(active_, side.since);
    }
    side.moved += bytes;
    if (side.moved >= side.least.bytes) {
        side.moved = 0;
        side.waited = {};
    }
}

void StreamWatch::throw_timed_out(Side side, const char* verdict) {
    const Job* const job = thread_state.job;  // none if it is a writer that writes
    if (job != nullptr && job->scope->effective) {
        throw job->scope->make_cancelled();  // which means more than this operation
    }
    of(side).moved = 0;  // whoever tries again has all the time again
    of(side).waited = {};
    throw TimedOut(std::string(side == Side::write ? "write: " : "read: ") + verdict);
}

// --- the watch ---------------------------------------------------------------------------------

StreamWatch::StreamWatch(const StreamTimeouts& timeouts)
    : DeadlineNode(Rank::scope), core_(&require_loop("a TimedStream")) {
    set(timeouts);
    core_->listen_to_close(*this);
}

StreamWatch::~StreamWatch() {
    if (core_ != nullptr) {
        EDDY_REQUIRE(core_->here() || core_->inherited(),
                     "a TimedStream was destroyed off its loop's thread");
        core_->deadlines.remove(*this);
        core_->forget(*this);
    }
}

StreamTimeouts StreamWatch::checked(const StreamTimeouts& timeouts) {
    if (timeouts.idle <= Duration::zero() || timeouts.reading.per <= Duration::zero() ||
        timeouts.writing.per <= Duration::zero()) {
        throw std::invalid_argument("a stream's timeouts are above zero; leave one out for none");
    }
    return timeouts;
}

void StreamWatch::set(const StreamTimeouts& timeouts) {
    if (core_ != nullptr && !core_->here()) {
        throw WrongThread("a TimedStream belongs to its loop's thread");
    }
    idle_ = checked(timeouts).idle;
    sides_[0].least = timeouts.reading;
    sides_[1].least = timeouts.writing;
    for (Direction& side : sides_) {
        side.moved = 0;
        if (side.waiting != nullptr) {
            stop_clock(side);
        }
        side.waited = {};  // with or without an operation: what was waited before does not count
        if (side.waiting != nullptr) {
            arm(end_of(side));
        }
    }
}

TimePoint StreamWatch::end_of(const Direction& side) const noexcept {
    return std::min(idle_end(side), progress_end(side));
}

TimePoint StreamWatch::idle_end(const Direction& side) const noexcept {
    return after(std::max(active_, side.since), idle_);
}

TimePoint StreamWatch::progress_end(const Direction& side) const noexcept {
    if (side.least.bytes == 0 || side.least.per == Duration::max()) {
        return never;
    }
    return after(side.since, side.least.per - side.waited);
}

/// An earlier alarm stays: it finds nothing to do and moves on, which is cheaper than moving it
/// with every message.
void StreamWatch::arm(TimePoint when) {
    if (when != never && (!armed() || when < armed_for_)) {
        core_->deadlines.move(*this, when);
        armed_for_ = when;
    }
}

/// A wait that has ended was ended by this turn's poll, or did not last; so there is no need to
/// look at the clock.
void StreamWatch::stop_clock(Direction& side) noexcept {
    if (core_ != nullptr && core_->turn_time > side.since) {
        side.waited += core_->turn_time - side.since;
        side.since = core_->turn_time;
    }
}

void StreamWatch::due() noexcept {
    const TimePoint now = core_->turn_time;
    TimePoint earliest = never;
    for (Direction& side : sides_) {
        if (side.waiting != nullptr && end_of(side) <= now) {
            side.waiting->look();  // what came in the same moment wins
        }
        if (side.waiting == nullptr) {
            continue;
        }
        if (end_of(side) > now) {
            earliest = std::min(earliest, end_of(side));
            continue;
        }
        side.waiting->out_of_time(idle_end(side) <= now
                                      ? "no byte has moved for the idle timeout"
                                      : "the other side is slower than the least progress");
    }
    arm(earliest);  // into the place in the heap that it has just left: allocates nothing
}

void StreamWatch::loop_closing() noexcept {
    core_->deadlines.remove(*this);
    core_ = nullptr;
}

}  // namespace eddy::inline v0_1::detail
