// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/future_state.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE FutureStatistics {
    bool done = false;
    std::size_t waiters = 0;
};

/// A result that somebody will set: any number of jobs may wait for it, each gets a copy.
///
///     Promise<int> promise;
///     Future<int> answer = promise.future();  // hand it to whoever wants to know
///     promise.set_value(42);                  // once, by whoever has it
///     const int value = co_await answer;      // in any number of jobs, now and later
///
/// It is a place for a result, not work: for the result of a job see `JoinHandle`, for a fact
/// without a value `Event`, for a value that goes to one receiver `Oneshot`, for one that changes
/// `Watch`. Copies of a future are the same future.
///
/// Throws:       awaiting: what was set with `set_exception`, the same object in every job;
///               `BrokenResource` when the promise went without a result; `InvalidState` for an
///               empty future. Everything, a copy too: `WrongThread` off its loop.
/// Cancellation: cancelling a job that waits does nothing to the future or to the others.
/// Order:        waiters become ready in order of arrival, none runs inside `set_value`.
/// Lifetime:     a waiter keeps the result alive; both ends may outlive the loop.
/// Cost:         one allocation for a promise, none for a wait. Awaiting copies the value; `wait`
///               and `value` do not.
/// Source:       the two ends are those of the C++ standard library (`shared_future`), the waits
///               anyio's: in asyncio cancelling a waiter cancels the future.
template <class T>
class EDDY_VISIBLE Future final {
    using State = detail::FutureStateOf<T>;

public:
    class Join;

    Future() noexcept = default;
    Future(const Future& other)
        : state_(other.state_ ? other.checked("a copy of a Future") : other.state_) {}
    Future(Future&&) noexcept = default;
    Future& operator=(Future other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~Future() {
        if (state_) {
            state_->require_here(
                "a Future ended on another thread: keep its copies on the loop's thread");
        }
    }

    /// False for one that was default constructed or moved from.
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(state_); }

    /// True once there is a value or a failure.
    [[nodiscard]] bool done() const { return state("Future::done").done(); }

    /// The value, not copied; lives as long as this future, or a copy of it.
    ///
    /// Throws: the failure; `InvalidState` when nothing is there yet.
    decltype(auto) value() const& {
        const State& shared = state("Future::value");
        shared.require_value();
        if constexpr (std::is_reference_v<T>) {
            return static_cast<T>(**shared.value);
        } else if constexpr (!std::is_void_v<T>) {
            return std::as_const(*shared.value);
        }
    }
    void value() const&& = delete;

    /// The failure; null while there is none. It counts as read.
    [[nodiscard]] std::exception_ptr error() const { return state("Future::error").error(); }

    [[nodiscard]] FutureStatistics statistics() const {
        const State& shared = state("Future::statistics");
        return {.done = shared.done(), .waiters = shared.waiting().size()};
    }

    /// Waits until it is done; never throws for how.
    [[nodiscard]] detail::FutureWait<State> wait() const {
        return detail::FutureWait<State>(checked("Future::wait"));
    }

    /// `co_await future`: a copy of the value; `T` itself for references and void.
    [[nodiscard]] Join operator co_await() const { return Join(checked("Future")); }

private:
    template <class U>
    friend class Promise;

    explicit Future(detail::StateRef<State> state) noexcept : state_(std::move(state)) {}

    [[nodiscard]] const detail::StateRef<State>& required() const {
        if (!state_) {
            throw InvalidState("this Future is empty: take one from a Promise");
        }
        return state_;
    }
    [[nodiscard]] const detail::StateRef<State>& checked(const char* what) const {
        required()->check(what);
        return state_;
    }
    [[nodiscard]] const State& state(const char* what) const { return *checked(what); }

    detail::StateRef<State> state_;
};

template <class T>
class Future<T>::Join final : public detail::FutureWait<State> {
public:
    using detail::FutureWait<State>::FutureWait;
    T take() { return detail::copy_result<T>(*this->state_); }
    [[nodiscard]] const char* what() const noexcept override { return "Future"; }
};

/// The end of a `Future` that sets it, once.
///
/// Dropped without a result, it breaks: those who wait get `BrokenResource`. A failure that nobody
/// has read when the last one who could is gone is reported to the loop's observer, once.
///
/// Throws:    `InvalidState` for the second result, or through a promise that was moved from; the
///            first one stands. From other threads `WrongThread`: use `LoopHandle::post`.
/// Cost:      setting is linear in the waiters.
template <class T>
class EDDY_VISIBLE Promise final {
    using State = detail::FutureStateOf<T>;

public:
    Promise() : state_(*new State) {}
    Promise(Promise&& other) noexcept = default;
    Promise& operator=(Promise&& other) noexcept {
        Promise old(std::move(other));
        std::swap(state_, old.state_);
        return *this;
    }
    ~Promise() {
        if (state_) {
            state_->require_here(
                "a Promise ended on another thread: end it on its loop's, LoopHandle::post");
            if (!state_->done()) {
                state_->abandon("broken promise: its Promise ended without setting a result");
            }
        }
    }

    /// A future of this promise; any number.
    [[nodiscard]] Future<T> future() const {
        static_cast<void>(state("Promise::future"));
        return Future<T>(state_);
    }

    [[nodiscard]] bool done() const { return state("Promise::done").done(); }

    /// Sets the value; nothing for void.
    template <class... U>
        requires(sizeof...(U) == (std::is_void_v<T> ? 0 : 1))
    void set_value(U&&... value) {
        state("Promise::set_value").require_pending();
        static_cast<void>(try_set_value(std::forward<U>(value)...));
    }
    /// The same; false, and nothing happens, when there is a result already.
    template <class... U>
        requires(sizeof...(U) == (std::is_void_v<T> ? 0 : 1))
    [[nodiscard]] bool try_set_value(U&&... value) {
        State& shared = state("Promise::try_set_value");
        if (shared.done()) {
            return false;
        }
        if constexpr (std::is_reference_v<T>) {
            const auto address = [](T referent) { return std::addressof(referent); };
            shared.value.emplace(address(std::forward<U>(value)...));
        } else {
            shared.value.emplace(std::forward<U>(value)...);
        }
        shared.finish();
        return true;
    }

    /// Sets the failure. `Cancelled` arrives as `JobCancelled`: it is not the waiters' own.
    ///
    /// Throws: `std::invalid_argument` for null.
    void set_exception(std::exception_ptr error) {
        state("Promise::set_exception").require_pending();
        static_cast<void>(try_set_exception(std::move(error)));
    }
    [[nodiscard]] bool try_set_exception(std::exception_ptr error) {
        return state("Promise::try_set_exception").try_fail(std::move(error));
    }

private:
    [[nodiscard]] State& state(const char* what) const {
        if (!state_) {
            throw InvalidState("this Promise is empty: it was moved from");
        }
        state_->check(what);
        return *state_;
    }

    detail::StateRef<State> state_;
};

}  // namespace eddy::inline v0_1
