// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/detail/check_call.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/flight.hpp>
#include <eddy/error.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/own.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE OnceCellStatistics {
    bool set = false;
    bool initialising = false;
    std::size_t waiters = 0;
};

/// A value that is made when it is first needed, once, however many need it.
///
///     OnceCell<Connection> connection;
///     const Connection& c = co_await connection.get_or_init(connect, address);
///
/// It keeps the value for good; for one flight per key and nothing kept, see `SingleFlight`; for a
/// value that somebody else brings, `Future`.
///
/// The function runs in a job of its own, which belongs to the cell and not to the caller who came
/// first: callers may come and go, it goes on. It ends with the cell at the latest, which cancels
/// it.
///
/// Throws:       what the function throws, the same object in every call that waited for it; the
///               cell stays empty, and the next call tries again. `JobCancelled` when the function
///               was cancelled, `BrokenResource` when the loop destroyed its job. A failure that
///               nobody waited for is reported.
/// Cancellation: the caller leaves; the function and the other callers do not notice.
/// Order:        callers resume in order.
/// Lifetime:     outlives its waiters, and the use of the value. The function may outlive it by the
///               time that its cancellation takes; a group given to the constructor waits for it.
/// Cost:         two allocations for a try; none for a wait, or a value that is there.
/// Source:       tokio's OnceCell, where a cancelled initialiser is replaced by a waiter's.
template <class T>
class EDDY_VISIBLE OnceCell final {
    static_assert(std::is_object_v<T>, "a OnceCell keeps an object");
    using Flight = detail::Flight<OnceCell, T>;

public:
    template <class Fn, class... Args>
    class GetOrInit;

    /// The function is a job of the loop's root group: scopes around a caller do not reach it.
    OnceCell() = default;
    /// The function is a job of `group`, which outlives this. Its failure does not end the group.
    explicit OnceCell(TaskGroup& group) noexcept : group_(&group) {}
    OnceCell(const OnceCell&) = delete;
    OnceCell& operator=(const OnceCell&) = delete;
    ~OnceCell() {
        EDDY_REQUIRE(bound_.here(), "a OnceCell was destroyed on another thread than its loop's");
        if (flying_) {
            EDDY_NO_USER(flying_->waiting().empty(),
                         "a OnceCell was destroyed while jobs wait on it: end them first");
            flying_->disown();
        }
    }

    /// The value, or null.
    [[nodiscard]] const T* try_get() const {
        bound_.check("OnceCell::try_get");
        return kept_ ? &*kept_->value : nullptr;
    }
    [[nodiscard]] OnceCellStatistics statistics() const {
        bound_.check("OnceCell::statistics");
        return {.set = static_cast<bool>(kept_),
                .initialising = static_cast<bool>(flying_),
                .waiters = flying_ ? flying_->waiting().size() : 0};
    }

    /// Sets the value by hand.
    ///
    /// Throws: `InvalidState` when it is set already, or being made.
    void set(T value) {
        bound_.check("OnceCell::set");
        if (kept_ || flying_) {
            throw InvalidState(kept_ ? "OnceCell::set: it is set already, and is set once"
                                     : "OnceCell::set: its value is being made already");
        }
        detail::StateRef<Flight> made(*new Flight(*this));
        made->owner = nullptr;
        made->value.emplace(std::move(value));
        made->finish();
        kept_ = std::move(made);
    }

    /// The value: the one that is there, or is being made, or that of `fn(args...)`, a task, begun
    /// now. Valid as long as the cell. A callable and arguments that are not needed are dropped.
    ///
    /// Throws: `InvalidState` when `fn` asks for its own value, and when one call is awaited again
    ///         whose function has been used; what `spawn` throws.
    template <class Fn, class... Args>
    [[nodiscard]] auto get_or_init(Fn&& fn, Args&&... args) {
        if constexpr (detail::check_task_call<Fn, std::decay_t<Args>...>()) {
            return GetOrInit<std::decay_t<Fn>, std::decay_t<Args>...>(
                *this, std::forward<Fn>(fn), std::forward<Args>(args)...);
        } else {
            return detail::refused();
        }
    }

private:
    friend class detail::Pilot<Flight>;

    void landed(Flight& flight) noexcept {
        if (flight.value) {
            kept_ = std::move(flying_);
        }
        flying_ = {};
    }

    // Invariant: not both. What is kept has a value; what flies has this as its owner.
    LoopBound bound_;
    TaskGroup* group_ = nullptr;
    detail::StateRef<Flight> kept_;
    detail::StateRef<Flight> flying_;
};

template <class T>
template <class Fn, class... Args>
class OnceCell<T>::GetOrInit final : public QueuedWaiter {
    static_assert(std::is_same_v<detail::task_result_t<Fn&, Args...>, T>,
                  "the function returns a Task of the OnceCell's value type");

public:
    template <class F, class... As>
    explicit GetOrInit(OnceCell& owner, F&& fn, As&&... args)
        : owner_(owner), fn_(std::forward<F>(fn)), args_(std::forward<As>(args)...) {}

    [[nodiscard]] bool try_now() {
        owner_.bound_.check("OnceCell::get_or_init");
        flight_ = owner_.kept_;
        return static_cast<bool>(flight_);
    }
    void start() {
        if (owner_.flying_) {
            detail::require_other_job(owner_.flying_->job, "OnceCell::get_or_init");
            flight_ = owner_.flying_;
        } else {
            flight_ = launch();
        }
        flight_->add(*this);
    }
    [[nodiscard]] const T& take() const {
        flight_->require_value();
        return *flight_->value;
    }
    [[nodiscard]] const char* what() const noexcept override { return "OnceCell::get_or_init"; }

private:
    [[nodiscard]] detail::StateRef<Flight> launch() {
        detail::StateRef<Flight> flight(*new Flight(owner_));
        detail::use_function(used_, "OnceCell::get_or_init");
        owner_.flying_ = flight;
        std::apply(
            [&](Args&... args) {
                detail::take_off<T>(owner_.group_, *flight, std::move(fn_), std::move(args)...);
            },
            args_);
        return flight;
    }

    OnceCell& owner_;
    Fn fn_;
    std::tuple<Args...> args_;
    bool used_ = false;  // fn_ and args_ have flown
    detail::StateRef<Flight> flight_;
};

}  // namespace eddy::inline v0_1
