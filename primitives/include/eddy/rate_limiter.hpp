// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <eddy/alarm.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/grant_queue.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE RateLimiterStatistics {
    std::int64_t available = 0;  ///< whole tokens in the bucket
    std::int64_t burst = 0;
    std::size_t waiters = 0;
};

/// How often something may happen: a bucket that fills with `tokens` tokens per `interval`, evenly,
/// and holds `burst` of them; each acquire takes some out.
///
///     RateLimiter requests(10, 1s);     // ten at once, then one every 100 ms
///     co_await requests.acquire();
///     RateLimiter paced(10, 1s, 1);     // never two at once
///
/// The bucket starts full. A token is used up, not given back; to limit how many do something at
/// the same time see `Semaphore`, to do something every so often `Interval`.
///
/// Throws:       `std::invalid_argument` for a negative number, or a request for more than `burst`,
///               which could never be granted.
/// Cancellation: the request leaves the queue and has taken nothing; those behind it move up.
/// Order:        requests are granted whole, first come, first served: a large one that waits is
///               not overtaken by small ones, and a newcomer queues behind who waits.
/// Lifetime:     outlives its waiters.
/// Cost:         an acquire reads the clock once; no allocation. All who wait share one deadline.
///               Nobody comes early, or more than the loop's own delay late.
///
/// Never more than `burst` go at once. Tokens that would come while the bucket is full are lost, so
/// a loop that was blocked does not make up for it afterwards. The ordinary lateness of a deadline
/// loses none: while somebody waits, the bucket may hold up to a token more than `burst` (or what
/// comes in a nanosecond, if that is more), and the rate does not drift. Where tokens come faster
/// than the loop is late, at 10,000 a second, say, give it a burst of what comes in a few
/// milliseconds.
class EDDY_API RateLimiter final : private detail::GrantQueue, private Alarm {
public:
    class Acquire;

    /// `burst` is `tokens` unless it is given.
    ///
    /// Throws: `std::invalid_argument` unless all are positive, and when the bucket would take more
    ///         than about 146 years of nanoseconds, times the tokens, to count in 63 bits.
    explicit RateLimiter(detail::Amount tokens, Duration interval)
        : RateLimiter(tokens, interval, tokens) {}
    explicit RateLimiter(detail::Amount tokens, Duration interval, detail::Amount burst);
    explicit RateLimiter(detail::Amount tokens, Duration interval, std::nullopt_t)
        : RateLimiter(tokens, interval, tokens) {}
    template <class N>
    explicit RateLimiter(detail::Amount tokens, Duration interval, const std::optional<N>& burst)
        : RateLimiter(tokens, interval, burst ? detail::Amount(*burst) : tokens) {}
    ~RateLimiter() override;

    [[nodiscard]] RateLimiterStatistics statistics() const;

    /// Takes tokens if they are there and nobody waits, else none.
    [[nodiscard]] bool try_acquire(detail::Amount tokens = 1);

    /// Takes tokens, all at once, as soon as they are there. None: at once.
    [[nodiscard]] Acquire acquire(detail::Amount tokens = 1);

private:
    [[nodiscard]] bool take_now(std::int64_t tokens);
    [[nodiscard]] bool take_part(std::int64_t tokens) noexcept;
    [[nodiscard]] TimePoint ready_at(std::int64_t tokens) const noexcept;
    [[nodiscard]] std::int64_t level_at(TimePoint when) const noexcept;
    [[nodiscard]] std::int64_t most() const noexcept;
    void refill() noexcept;
    void grant_due() noexcept;

    void due() noexcept override { grant_due(); }
    [[nodiscard]] bool fits(const detail::GrantWait& wait) const noexcept override;
    [[nodiscard]] bool grant(detail::GrantWait& wait) noexcept override;
    void take_back(detail::GrantWait& wait) noexcept override;
    void left(detail::GrantWait& wait) noexcept override;

    // The bucket counts in parts, of which per_ns_ come in a nanosecond and per_token_ make a
    // token: both whole numbers, so that nothing is ever rounded.
    //
    // Invariant: between calls 0 <= level_ <= full_, as of updated_; armed while somebody waits,
    // for the moment when the first can be granted.
    LoopBound bound_;
    std::int64_t per_token_;
    std::int64_t per_ns_;
    std::int64_t full_;
    std::int64_t level_;
    TimePoint updated_{};
};

class EDDY_API RateLimiter::Acquire final : public detail::GrantWait {
public:
    explicit Acquire(RateLimiter& limiter, std::int64_t tokens) noexcept
        : GrantWait(limiter, tokens), limiter_(limiter) {}

    [[nodiscard]] bool try_now();
    void start();
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "RateLimiter::acquire"; }

private:
    RateLimiter& limiter_;
};

inline RateLimiter::Acquire RateLimiter::acquire(detail::Amount tokens) {
    return Acquire(*this, tokens.checked("RateLimiter::acquire"));
}

}  // namespace eddy::inline v0_1
