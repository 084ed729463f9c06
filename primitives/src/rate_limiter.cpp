// SPDX-License-Identifier: MIT
#include <eddy/rate_limiter.hpp>

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include <eddy/loop.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

RateLimiter::RateLimiter(detail::Amount tokens, Duration interval, detail::Amount burst)
    : per_token_(interval.count()),
      per_ns_(tokens.checked("RateLimiter: the tokens")),
      full_(burst.checked("RateLimiter: the burst")) {
    if (per_ns_ <= 0 || interval <= Duration::zero() || full_ <= 0) {
        throw std::invalid_argument(
            "RateLimiter: tokens, interval and burst must be positive; to let nobody through, "
            "use a CapacityLimiter of 0");
    }
    const std::int64_t common = std::gcd(per_token_, per_ns_);
    per_token_ /= common;
    per_ns_ /= common;
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 2;
    if (full_ > most / per_token_ || per_ns_ > most) {
        throw std::invalid_argument("RateLimiter: a burst of " + std::to_string(full_) +
                                    " at this rate is more than can be counted exactly; take a "
                                    "smaller burst, or a rounder rate");
    }
    full_ *= per_token_;
    level_ = full_;
}

RateLimiter::~RateLimiter() {
    EDDY_NO_USER(empty(), "a RateLimiter was destroyed while jobs wait on it: end them first");
}

RateLimiterStatistics RateLimiter::statistics() const {
    bound_.check("RateLimiter::statistics");
    const std::int64_t level = Loop::current_or_null() != nullptr ? level_at(now()) : level_;
    return {.available = std::min(level, full_) / per_token_,
            .burst = full_ / per_token_,
            .waiters = size()};
}

// --- the bucket --------------------------------------------------------------------------------

/// How full it is at `when`, if nobody takes anything until then.
std::int64_t RateLimiter::level_at(TimePoint when) const noexcept {
    if (when <= updated_) {  // a loop with another clock
        return level_;
    }
    const std::int64_t elapsed = (when - updated_).count();
    return elapsed > (most() - level_) / per_ns_ ? full_ : level_ + elapsed * per_ns_;
}

/// What it may hold without having run over. While somebody waits, a little more than is in it when
/// it is full: its first takes out what it came for before that, in the middle of a nanosecond
/// perhaps, or a moment ago if the loop is a little late; what has come since is the next one's. A
/// token more means that the loop was stopped: what was missed is lost.
std::int64_t RateLimiter::most() const noexcept {
    return empty() ? full_ : full_ + std::max(per_token_, per_ns_) - 1;
}

void RateLimiter::refill() noexcept {
    const TimePoint when = now();
    level_ = level_at(when);
    updated_ = when;
}

/// Requires: refilled.
bool RateLimiter::take_part(std::int64_t tokens) noexcept {
    const std::int64_t parts = tokens * per_token_;
    if (parts > level_) {
        return false;
    }
    level_ -= parts;
    return true;
}

/// The first nanosecond in which so many tokens are there.
TimePoint RateLimiter::ready_at(std::int64_t tokens) const noexcept {
    const std::int64_t missing = std::max<std::int64_t>(0, tokens * per_token_ - level_);
    return after(updated_, Duration(missing / per_ns_ + (missing % per_ns_ != 0 ? 1 : 0)));
}

// --- who waits ---------------------------------------------------------------------------------

bool RateLimiter::take_now(std::int64_t tokens) {
    if (tokens < 0) {
        throw std::invalid_argument("RateLimiter::acquire: the number of tokens is negative: " +
                                    std::to_string(tokens));
    }
    if (tokens > full_ / per_token_) {
        throw std::invalid_argument("RateLimiter::acquire: " + std::to_string(tokens) +
                                    " tokens will never be there at once, the burst is " +
                                    std::to_string(full_ / per_token_));
    }
    if (tokens == 0) {
        return true;
    }
    if (!empty()) {
        return false;
    }
    refill();
    return take_part(tokens);
}

bool RateLimiter::try_acquire(detail::Amount tokens) {
    bound_.check("RateLimiter::try_acquire");
    return take_now(tokens.checked("RateLimiter::try_acquire"));
}

/// At the last refill.
bool RateLimiter::fits(const detail::GrantWait& wait) const noexcept {
    return wait.amount() * per_token_ <= level_;
}

bool RateLimiter::grant(detail::GrantWait& wait) noexcept { return take_part(wait.amount()); }

void RateLimiter::grant_due() noexcept {
    refill();
    grant_all();
    if (const detail::GrantWait* first = front()) {
        arm(ready_at(first->amount()));  // was armed, or is called by the alarm: cannot fail
    } else {
        level_ = std::min(level_, full_);
        disarm();
    }
}

void RateLimiter::take_back(detail::GrantWait& wait) noexcept {
    refill();
    const std::int64_t parts = wait.amount() * per_token_;
    level_ = parts > most() - level_ ? full_ : level_ + parts;
    grant_due();
}

void RateLimiter::left(detail::GrantWait& wait) noexcept {
    static_cast<void>(wait);
    grant_due();
}

bool RateLimiter::Acquire::try_now() {
    limiter_.bound_.check(what());
    if (!limiter_.take_now(amount())) {
        return false;
    }
    answer_ = Answer::granted;
    return true;
}

void RateLimiter::Acquire::start() {
    if (limiter_.empty()) {
        limiter_.arm(limiter_.ready_at(amount()));
    }
    limiter_.add(*this);
}

}  // namespace eddy::inline v0_1
