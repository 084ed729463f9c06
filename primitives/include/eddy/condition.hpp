// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/outer_wait.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/lock.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/own.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE ConditionStatistics {
    std::size_t waiters = 0;  ///< not yet notified; a notified job counts as a waiter of the lock
    LockStatistics lock;
};

/// Waits, under a `Lock`, until others have changed what the lock protects.
///
/// A last resort: for a number take `Counter`, for items `Queue`, for a fact `Event`.
///
///     Condition changed(lock);                         auto guard = co_await lock.acquire();
///     auto guard = co_await lock.acquire();            state.add(item);
///     co_await changed.wait(guard, [&] { ... });       changed.notify_all();
///
/// `notify_one` with waiters of different kinds (some for room, some for items) may wake one that
/// cannot use it, and the others sleep on: then use `notify_all`, or one condition for each kind.
///
/// Throws:   `InvalidState` for a guard that holds nothing, or another lock, even if the predicate
///           is true already; and from a notify by whoever does not own the lock.
/// Order:    first come, first served. A notified job joins the queue of the lock: it needs no
///           second wake, nobody gets in between, and no wake-up is spurious.
/// Lifetime: the lock outlives the condition, which outlives its waiters, notified or not.
/// Source:   trio's wait morphing; CPython 112202 and anyio 1075 on notifications that got lost.
class EDDY_API Condition final {
public:
    class Wait;

    explicit Condition(Lock& lock) noexcept : lock_(lock) {}
    Condition(const Condition&) = delete;
    Condition& operator=(const Condition&) = delete;
    ~Condition();

    [[nodiscard]] ConditionStatistics statistics() const;

    /// Notifies the longest waiter, or the `count` longest; all that there are if they are fewer.
    /// Nothing is kept for later ones.
    void notify_one() { notify(1); }
    void notify(detail::Count count);
    void notify_all();

    /// Releases the lock, waits for a notification, and has the lock again when it returns: also
    /// when it throws. While it waits, `guard` holds nothing.
    ///
    /// Cancellation: on entry it throws before the lock is released. While it waits, the job first
    ///           gets the lock again, in its turn, and then throws. After a notification it
    ///           succeeds, and the next checkpoint throws.
    ///
    /// In a `select` give it as the last operation, and only one: an operation after it that throws
    /// when it is queued leaves the guard without the lock. A select that another operation has won
    /// waits until the guard has the lock again.
    [[nodiscard]] Wait wait(LockGuard& guard) noexcept;

    /// Waits until `predicate(args...)` is true, and returns what it returned. It is called with
    /// the lock held, for the job that waits: first at once, then after each notification, when the
    /// job has the lock again. In a `select` as above; there it may be called once more before it
    /// waits.
    template <class P, class... Args>
    [[nodiscard]] auto wait(LockGuard& guard, P&& predicate, Args&&... args) {
        EDDY_CHECK_CALLABLE(P);
        return UntilTrue<std::decay_t<P>, std::decay_t<Args>...>(
            *this, guard, std::forward<P>(predicate), std::forward<Args>(args)...);
    }

private:
    class PredicateWait;
    template <class P, class... Args>
    class UntilTrue;

    void check(const LockGuard& guard) const;
    void check_owner(const char* what) const;
    bool pass_one() noexcept;

    Lock& lock_;
    WaitQueue waiting_;
};

class EDDY_API Condition::Wait final : public QueuedWaiter {
public:
    Wait(Condition& condition, LockGuard& guard) noexcept
        : condition_(condition), lock_(condition.lock_), guard_(guard) {}

    [[nodiscard]] bool try_now() const {
        condition_.check(guard_);
        return false;
    }
    void start();
    void take();
    [[nodiscard]] const char* what() const noexcept override;

private:
    friend class Condition;

    /// waiting: in the condition's queue, the guard disarmed. The others: in the lock's queue, or
    /// committed, which means that this job owns the lock; and there to stay.
    enum class Phase : std::uint8_t { waiting, notified, notified_with_all, cancelled };

    void unlink() noexcept override;
    void pass_on() noexcept override;
    [[nodiscard]] bool abort() noexcept override;
    void move_to_lock(Phase why) noexcept;
    void arm() noexcept {
        EDDY_REQUIRE(guard_.lock_ == nullptr,
                     "a LockGuard was assigned to while its Condition waited with it: assign to "
                     "another one");
        guard_.lock_ = &lock_;
    }

    Condition& condition_;
    Lock& lock_;  // of its own: to return needs no condition
    LockGuard& guard_;
    Phase phase_ = Phase::waiting;
};

inline Condition::Wait Condition::wait(LockGuard& guard) noexcept { return Wait(*this, guard); }

/// Waits for one notification after the other, until the predicate is true.
class EDDY_API Condition::PredicateWait : public detail::SteppedWait {
public:
    static constexpr bool calls_out = true;
    static constexpr bool looks_again = false;  // so a select calls the predicate again, not we

    [[nodiscard]] bool try_now();
    void start();
    [[nodiscard]] const char* what() const noexcept override { return "Condition::wait"; }

protected:
    PredicateWait(Condition& condition, LockGuard& guard) noexcept
        : condition_(condition), guard_(guard) {}
    ~PredicateWait() override = default;

    /// Throws what it failed with; the guard has the lock in any case.
    void end();

private:
    /// Calls the predicate and keeps what that returns.
    [[nodiscard]] virtual bool holds() = 0;

    void collect() override;
    [[nodiscard]] bool proceed() override;
    void given_up() noexcept override;
    void unlink() noexcept override;
    [[nodiscard]] bool abort() noexcept override;

    Condition& condition_;
    LockGuard& guard_;
    detail::OperationSlot<Wait> wait_;
    bool notified_ = false;  // alone, by a notification that is not used yet
    bool holds_ = false;     // it was found true when it had been asked to end
    bool ending_ = false;    // it was asked to
};

template <class P, class... Args>
class EDDY_VISIBLE Condition::UntilTrue final : public PredicateWait {
    using R = std::decay_t<std::invoke_result_t<P&, Args&...>>;

public:
    template <class Q, class... As>
    UntilTrue(Condition& condition, LockGuard& guard, Q&& predicate, As&&... args)
        : PredicateWait(condition, guard),
          predicate_(std::forward<Q>(predicate)),
          args_(std::forward<As>(args)...) {}

    [[nodiscard]] R take() {
        end();
        return std::move(*result_);
    }

private:
    [[nodiscard]] bool holds() override {
        result_.emplace(std::apply(
            [this](Args&... args) -> decltype(auto) { return std::invoke(predicate_, args...); },
            args_));
        return static_cast<bool>(*result_);
    }

    P predicate_;
    std::tuple<Args...> args_;
    std::optional<R> result_;
};

}  // namespace eddy::inline v0_1
