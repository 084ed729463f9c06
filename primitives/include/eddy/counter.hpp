// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/detail/counter_wait.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/waiter_heap.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/own.hpp>
#include <eddy/remote_counter.hpp>

namespace eddy::inline v0_1 {

namespace detail {
class RemoteSum;
}

/// The values a counter may have, both ends included.
struct EDDY_VISIBLE CounterOptions {
    detail::Amount min = 0;
    detail::Amount max = std::numeric_limits<std::int64_t>::max();
};

struct EDDY_VISIBLE CounterStatistics {
    std::int64_t value = 0;
    std::size_t waiters = 0;
    std::uint64_t updates = 0;      ///< changes of the value
    std::int64_t peak = 0;          ///< the highest value so far
    std::uint64_t evaluations = 0;  ///< calls of predicates
    std::uint64_t comparisons = 0;  ///< of a new value with a waiter's threshold
};

/// A number that jobs change, and wait for.
///
/// Changes are plain calls; waits are for a value, and return the one that matched: predicates are
/// evaluated at every change, so a value that was passed through is not missed, and by the time
/// the waiter runs the counter may have moved on. For a count that only goes down to zero, once,
/// see `Latch`; for a limit on how many do something, `Semaphore`.
///
///     Counter running;
///     running.increment();                  // in each worker
///     ...
///     running.decrement();
///     co_await running.wait_until_zero();   // in whoever waits for all
///
/// Throws:   changes: `std::invalid_argument` for a negative amount, `std::out_of_range` when the
///           value would leave its range, `ClosedResource`, `InvalidState` inside a predicate; the
///           value is unchanged and nobody was asked. A change by zero is none. Waits:
///           `ClosedResource`.
/// Order:    all that one change wakes see the same value and become ready in the order in which
///           they began to wait; none runs inside the change.
/// Lifetime: a counter outlives its waiters.
/// Cost:     no allocation per wait. A change costs O(log n) amortised for each waiter it wakes,
///           nothing for a threshold it does not reach, and a call for each predicate.
class EDDY_API Counter final {
public:
    class Wait;
    template <class F, class... Args>
    class PredicateWait;

    /// Throws: `std::invalid_argument` for an empty range, or an initial value outside it.
    explicit Counter(detail::Amount initial = 0, CounterOptions options = {});
    Counter(const Counter&) = delete;
    Counter& operator=(const Counter&) = delete;
    ~Counter();

    [[nodiscard]] std::int64_t value() const;
    [[nodiscard]] std::int64_t min() const noexcept { return min_; }
    [[nodiscard]] std::int64_t max() const noexcept { return max_; }
    [[nodiscard]] bool closed() const;
    [[nodiscard]] CounterStatistics statistics() const;

    /// These return the new value.
    std::int64_t increment(detail::Amount amount = 1);
    std::int64_t decrement(detail::Amount amount = 1);
    std::int64_t add(detail::Amount delta);
    std::int64_t set(detail::Amount value);

    /// The way in for other threads; see `RemoteCounter`.
    ///
    /// Throws: `InvalidState` outside a loop, `LoopClosed` when it is ending, `ClosedResource`.
    [[nodiscard]] RemoteCounter remote();

    /// Applies what other threads have added, then ends every wait, in order, with
    /// `ClosedResource`. Later waits and changes throw it too; the value can still be read.
    /// Repeating it does nothing.
    void close();

    /// Waits until `pred(value, args...)` is true: now, or at any change.
    ///
    /// A predicate that throws ends its own wait with that exception and disturbs nobody else. It
    /// may do what it likes but change or close this counter (`InvalidState`). The wait keeps
    /// `pred` and `args`.
    template <class F, class... Args>
        requires std::predicate<std::decay_t<F>&, std::int64_t, std::decay_t<Args>&...>
    [[nodiscard]] PredicateWait<std::decay_t<F>, std::decay_t<Args>...> wait_for(F&& pred,
                                                                                 Args&&... args) {
        EDDY_CHECK_CALLABLE(F);
        return PredicateWait<std::decay_t<F>, std::decay_t<Args>...>(
            *this, std::forward<F>(pred), std::forward<Args>(args)...);
    }

    /// Wait for a threshold; these throw `std::invalid_argument` when the range excludes it.
    [[nodiscard]] Wait wait_until_zero();
    [[nodiscard]] Wait wait_at_least(detail::Amount threshold);
    [[nodiscard]] Wait wait_at_most(detail::Amount threshold);

    /// Waits for the next change, whatever it is, and returns the new value. The change that woke
    /// its caller is not the next one.
    [[nodiscard]] Wait wait_change();

private:
    friend class detail::CounterWait;
    friend class detail::RemoteSum;

    void require_changeable(const char* what) const;
    void require_open(const char* what) const;
    std::int64_t change_by(std::int64_t delta, const char* what);
    void move_to(std::int64_t value) noexcept;

    void enlist(detail::CounterWait& wait) noexcept;
    void delist(detail::CounterWait& wait) noexcept;
    [[nodiscard]] bool ask(detail::CounterWait& wait);
    void wake() noexcept;
    void ask_general() noexcept;
    void make_due(detail::CounterWait& wait) noexcept;
    void make_all_due(detail::WaiterHeap& heap) noexcept;
    void make_all_due(detail::WaiterRing& ring) noexcept;
    void commit_due() noexcept;

    // Invariant: min_ <= value_ <= max_. Between changes: every key in low_ is above value_, every
    // key in high_ above ~value_, zeros_ is empty if value_ is 0, due_ is empty, and if closed_ all
    // are. waiters_ counts what is in any of them.
    LoopBound bound_;
    std::int64_t value_;
    std::int64_t min_;
    std::int64_t max_;
    std::int64_t peak_;
    std::size_t waiters_ = 0;
    std::uint64_t updates_ = 0;
    std::uint64_t evaluations_ = 0;
    std::uint64_t comparisons_ = 0;
    std::int64_t next_number_ = 0;
    detail::WaiterHeap low_;                 // at least: by threshold
    detail::WaiterHeap high_;                // at most: by ~threshold, which turns the order round
    detail::WaiterHeap due_;                 // about to be committed: by number
    detail::WaiterRing zeros_;               // until zero
    detail::WaiterRing general_;             // predicates, and any change
    detail::WaiterPlace* cursor_ = nullptr;  // the next of general_ to ask, while asking
    bool asking_ = false;                    // inside a predicate
    bool closed_ = false;
    std::shared_ptr<detail::RemoteSum> remote_;
};

/// A wait for a threshold or a change.
class EDDY_API Counter::Wait final : public detail::CounterWait {
public:
    [[nodiscard]] const char* what() const noexcept override;

private:
    friend class Counter;
    using CounterWait::CounterWait;
};

/// A wait for a predicate.
template <class F, class... Args>
class Counter::PredicateWait final : public detail::CounterWait {
public:
    static constexpr bool calls_out = true;

    template <class Fn, class... As>
    explicit PredicateWait(Counter& counter, Fn&& pred, As&&... args)
        : CounterWait(counter, Kind::predicate, 0),
          pred_(std::forward<Fn>(pred)),
          args_(std::forward<As>(args)...) {}

    [[nodiscard]] const char* what() const noexcept override { return "Counter::wait_for"; }

private:
    [[nodiscard]] bool matches(std::int64_t value) override {
        return std::apply([&](Args&... args) -> bool { return std::invoke(pred_, value, args...); },
                          args_);
    }

    F pred_;
    std::tuple<Args...> args_;
};

}  // namespace eddy::inline v0_1
