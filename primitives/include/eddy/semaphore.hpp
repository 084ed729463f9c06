// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/grant_queue.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

class Permit;

struct EDDY_VISIBLE SemaphoreStatistics {
    std::int64_t value = 0;  ///< permits to be had
    std::int64_t max = 0;
    std::int64_t held = 0;  ///< in `Permit`s
    std::size_t waiters = 0;
    bool closed = false;
};

/// A number of permits: jobs take some, and wait while there are too few.
///
///     Semaphore connections(8);
///     const Permit permit = co_await connections.acquire();  // given back at the end of the block
///
/// Permits have no owner: any job may add some with `release`. For one at a time see `Lock`; when
/// each job may have one only, `CapacityLimiter`; for so many per second, `RateLimiter`.
///
/// Throws:       `std::invalid_argument` for a negative number, or a request for more than `max`,
///               which could never be granted; `ClosedResource` once it is closed.
/// Cancellation: the request leaves the queue, and those behind it are looked at again.
/// Order:        requests are granted whole, first come, first served: a large one that waits is
///               not overtaken by small ones, and a newcomer queues behind who waits. Nobody runs
///               inside `release`; `value` shows the grant at once.
/// Lifetime:     outlives its waiters and permits.
/// Cost:         constant, no allocation; a release is linear in the waiters it wakes.
/// Source:       tokio's Semaphore, issue 8021 for `close`; CPython issue 45997 for the order.
class EDDY_API Semaphore final : private detail::GrantQueue {
public:
    class Acquire;

    static constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

    /// Throws: `std::invalid_argument` unless 0 <= initial <= max.
    explicit Semaphore(detail::Amount initial, detail::Amount max = unlimited);
    ~Semaphore() override;

    /// The permits to be had now.
    [[nodiscard]] std::int64_t value() const;
    [[nodiscard]] std::int64_t max() const;
    [[nodiscard]] bool closed() const;
    /// True when a request for one would have to wait: none left, or somebody waits already.
    [[nodiscard]] bool locked() const;
    [[nodiscard]] SemaphoreStatistics statistics() const;

    /// Adds permits. Not for those in a `Permit`, which gives them back itself; they count against
    /// `max`. Legal after `close`, which stays.
    ///
    /// Throws: `std::out_of_range` when there would be more than `max`; nothing has changed.
    void release(detail::Amount permits = 1);

    /// Takes up to so many permits out of circulation, of those to be had; returns how many.
    std::int64_t forget_permits(detail::Amount permits);

    /// For good: who waits and who comes from now on gets `ClosedResource`. Permits that are held
    /// stay valid.
    void close();

    /// Takes permits if they are to be had now and nobody waits, else nothing.
    [[nodiscard]] std::optional<Permit> try_acquire(detail::Amount permits = 1);

    /// Takes permits, all at once, as soon as they are to be had. None: at once.
    [[nodiscard]] Acquire acquire(detail::Amount permits = 1);

private:
    friend class Permit;

    [[nodiscard]] bool take_now(std::int64_t permits) {
        if (permits > 0 && permits <= value_ && empty() && !closed_) [[likely]] {
            value_ -= permits;
            held_ += permits;
            return true;
        }
        return take_unusual(permits);
    }
    [[nodiscard]] bool take_unusual(std::int64_t permits) const;
    void give_back(std::int64_t permits) noexcept {
        value_ += permits;
        held_ -= permits;
        if (!empty()) {
            grant_all();
        }
    }
    [[nodiscard]] bool fits(const detail::GrantWait& wait) const noexcept override;
    [[nodiscard]] bool grant(detail::GrantWait& wait) noexcept override;
    void take_back(detail::GrantWait& wait) noexcept override { give_back(wait.amount()); }

    // Invariant: 0 <= value_, 0 <= held_, value_ + held_ <= max_; closed_ implies that nobody
    // waits.
    LoopBound bound_;
    bool closed_ = false;
    std::int64_t value_;
    std::int64_t held_ = 0;
    std::int64_t max_;
};

/// Permits of a semaphore, given back when this ends, in whatever job.
///
/// Requires: the thread of the semaphore's loop, and the semaphore, are still there when it ends.
class [[nodiscard]] EDDY_API Permit final {
public:
    Permit(Permit&& other) noexcept
        : semaphore_(other.semaphore_), count_(std::exchange(other.count_, 0)) {}
    /// Gives back first what this one has.
    Permit& operator=(Permit&& other) noexcept {
        if (this != &other) {
            release();
            semaphore_ = other.semaphore_;
            count_ = std::exchange(other.count_, 0);
        }
        return *this;
    }
    ~Permit() { release(); }

    /// True while there is a permit in it.
    [[nodiscard]] explicit operator bool() const noexcept { return count_ != 0; }
    /// 0 once moved from, released or forgotten.
    [[nodiscard]] std::int64_t count() const noexcept { return count_; }

    /// Gives them back now.
    void release() noexcept;

    /// Never gives them back: there are fewer from now on, until somebody `release`s some.
    void forget();

    /// Takes `permits` of them off into a permit of their own.
    ///
    /// Throws: `std::invalid_argument` when there are not so many.
    [[nodiscard]] Permit split(detail::Amount permits);

    /// Takes over those of another one, which is left with none.
    ///
    /// Throws: `std::invalid_argument` when it is of another semaphore.
    void merge(Permit&& other);

private:
    friend class Semaphore;
    explicit Permit(Semaphore& semaphore, std::int64_t count) noexcept
        : semaphore_(&semaphore), count_(count) {}

    Semaphore* semaphore_;
    std::int64_t count_;
};

class EDDY_API Semaphore::Acquire final : public detail::GrantWait {
public:
    explicit Acquire(Semaphore& semaphore, std::int64_t permits) noexcept
        : GrantWait(semaphore, permits), semaphore_(semaphore) {}

    [[nodiscard]] bool try_now() {
        semaphore_.bound_.check("Semaphore::acquire");
        if (!semaphore_.take_now(amount())) {
            return false;
        }
        answer_ = Answer::granted;
        return true;
    }
    void start() noexcept { semaphore_.add(*this); }
    [[nodiscard]] Permit take();
    [[nodiscard]] const char* what() const noexcept override { return "Semaphore::acquire"; }

private:
    Semaphore& semaphore_;
};

inline void Permit::release() noexcept {
    if (count_ != 0) {
        EDDY_REQUIRE(semaphore_->bound_.here(),
                     "a Permit ended on another thread: keep it on its semaphore's loop");
        semaphore_->give_back(std::exchange(count_, 0));
    }
}

inline Semaphore::Acquire Semaphore::acquire(detail::Amount permits) {
    return Acquire(*this, permits.checked("Semaphore::acquire"));
}

}  // namespace eddy::inline v0_1
