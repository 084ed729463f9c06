// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <eddy/clock.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1::detail {

/// How far one turn of the loop goes: bounded by work, not by count alone (rule R6), whose numbers
/// stand here.
///
/// A turn is 256 pieces of work, or `quota` of time, whichever is first; a piece is a resumption, a
/// posted function, a completion, a callback of a timer. Posts and callbacks are the *outside*:
/// they get half of it at most, and a quarter each when both have a backlog. What is left is for
/// jobs. Whoever may work does one piece in every turn, however late it is.
///
/// Time is looked at after 1, 2, 4, ... pieces, so that the first turn of a new load is late by as
/// much as one of its pieces, not 256; and never further apart than a distance that falls to 1
/// when time has ended a turn, and doubles with each turn that something else has: the count, or
/// that there was no more to do.
///
///     turn.begin(now);
///     turn.limit(Turn::half);
///     while (something to do && turn.next()) { do it; }
///
/// Cost: one decrement a piece, and the clock 8 times in a turn of 256 short ones.
class EDDY_API Turn final {
public:
    static constexpr std::uint32_t whole = 256;
    static constexpr std::uint32_t half = whole / 2;
    static constexpr std::uint32_t quarter = whole / 4;
    static constexpr std::uint32_t willing_share = quarter;  // what they get if they need it
    static constexpr std::uint32_t deadlines = 256;          // due ones in one turn, at most
    /// Of a job: operations that finish at once, until it lets the others go.
    static constexpr std::uint8_t budget = 128;

    /// No clock: only the counts hold. So it is in virtual time, that tests stay deterministic.
    void configure(const Clock* clock, Duration quota) noexcept {
        clock_ = clock;
        quota_ = quota;
    }

    void begin(TimePoint now) noexcept {
        began_ = now;
        ++number_;
        distance_ = std::exchange(out_of_time_, false) ? 1 : std::min(2 * distance_, whole);
        done_ = allowed_ = left_ = 0;
    }

    /// Virtual time has jumped to the next deadline, which took nobody any time.
    void skip(Duration time) noexcept { began_ = after(began_, time); }

    /// In a forked child: this turn ends, and no other does anything. The jobs are the parent's.
    void stop() noexcept {
        stopped_ = true;
        settle();
        limit_ = 0;
    }

    /// The next pieces go on until `pieces` of the whole have been done in this turn, and for as
    /// much of the quota; but there is one in any case.
    void limit(std::uint32_t pieces) noexcept {
        settle();
        limit_ = stopped_ ? 0 : pieces;
        phase_ = done_;
        allowed_ = left_ = stopped_ ? 0 : 1;
        willing_first_ = false;
    }

    /// Before each piece: true if there may be one more.
    [[nodiscard]] bool next() noexcept {
        if (left_ != 0) [[likely]] {
            --left_;
            return true;
        }
        return look();
    }
    /// The parts of it, for the hot loop: `look` if it must, otherwise `count`.
    [[nodiscard]] bool must_look() const noexcept { return left_ == 0; }
    [[nodiscard]] bool look() noexcept;
    void count() noexcept { --left_; }
    void uncount() noexcept { ++left_; }  // there was nothing to do

    /// A job has used up its budget, which may have taken long: the next piece needs a look.
    void look_soon() noexcept {
        allowed_ -= left_;
        left_ = 0;
    }

    /// Due deadlines, which only wake somebody, may take a quarter of a turn from `now` on.
    [[nodiscard]] TimePoint end_of_deadlines(TimePoint now) const noexcept {
        return clock_ != nullptr ? after(now, quota_ / 4) : TimePoint::min();
    }

    /// In the second half of what jobs have of a turn the willing go first, until they have had
    /// their share.
    [[nodiscard]] bool willing_first() const noexcept { return willing_first_; }

    /// The present turn, or the last: when it began, and the how many-th it is.
    [[nodiscard]] TimePoint began() const noexcept { return began_; }
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

    /// Pieces done since `begin`, this one included.
    [[nodiscard]] std::uint32_t done() const noexcept { return done_ + allowed_ - left_; }

private:
    void settle() noexcept {
        done_ += allowed_ - left_;
        allowed_ = left_ = 0;
    }
    /// When the time for so many pieces is over.
    [[nodiscard]] TimePoint end_of(std::uint32_t pieces) const noexcept {
        return after(began_, quota_ / whole * pieces);
    }

    // Invariant: done_ counts what was done until the last look; allowed_ - left_ what has been
    // since.
    const Clock* clock_ = nullptr;
    Duration quota_{};
    TimePoint began_{};
    TimePoint middle_{};  // of the time the phase has, from its first look on
    std::uint64_t number_ = 0;
    std::uint32_t left_ = 0;     // pieces until the next look
    std::uint32_t allowed_ = 0;  // what that began with
    std::uint32_t done_ = 0;
    std::uint32_t phase_ = 0;  // done_ when `limit` was called
    std::uint32_t limit_ = whole;
    std::uint32_t distance_ = whole;  // between two looks, at most
    bool out_of_time_ = false;        // the last turn was
    bool willing_first_ = false;
    bool stopped_ = false;
};

}  // namespace eddy::inline v0_1::detail
