// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/outcome.hpp>
#include <eddy/require.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

/// What a promise, its futures and those who wait share: whether the result is there, and the
/// failure, if that is what it is. Counted; the value is in the class derived from it.
class EDDY_API FutureState {
public:
    FutureState(const FutureState&) = delete;
    FutureState& operator=(const FutureState&) = delete;

    void retain() noexcept { ++references_; }
    void release() noexcept {
        if (--references_ == 0) {
            delete this;
        }
    }

    void check(const char* what) const { bound_.check(what); }
    /// For destructors: aborts with `remedy` on another thread.
    void require_here(const char* remedy) const noexcept;

    [[nodiscard]] bool done() const noexcept { return phase_ != Phase::pending; }
    [[nodiscard]] const WaitQueue& waiting() const noexcept { return waiting_; }
    void add(QueuedWaiter& waiter) noexcept { waiting_.push_back(waiter); }

    /// Throws: `InvalidState` when the result is there already.
    void require_pending() const;

    /// The value has been stored: wakes all.
    void finish() noexcept { settle(Phase::value); }
    /// `Cancelled`, which is nobody else's business, becomes `JobCancelled`. Requires: pending.
    void fail(std::exception_ptr error) noexcept;
    /// The same; false when it is done. Throws: `std::invalid_argument` for null.
    [[nodiscard]] bool try_fail(std::exception_ptr error);
    /// Nobody is left who could set it: fails with `BrokenResource`.
    void abandon(const char* why) noexcept;

    /// Throws the failure, if there is one; or `InvalidState` when nothing is there yet.
    void require_value() const;
    /// The failure, or null; from now on it counts as read.
    [[nodiscard]] std::exception_ptr error() const noexcept;

protected:
    FutureState() = default;
    /// Reports a failure that nobody has read.
    virtual ~FutureState();

private:
    /// broken: a failure that is reported to nobody who does not ask.
    enum class Phase : std::uint8_t { pending, value, error, broken };

    void settle(Phase phase) noexcept {
        phase_ = phase;
        waiting_.wake_all();
    }

    // Invariant: error_ is set in the phases error and broken only; done() implies
    // waiting_.empty(). A waiter holds a reference.
    LoopBound bound_;
    WaitQueue waiting_;
    std::exception_ptr error_;
    std::uint32_t references_ = 0;
    Phase phase_ = Phase::pending;
    mutable bool read_ = false;
};

template <class T>
class FutureStateOf : public FutureState {
public:
    std::optional<Stored<T>> value;
};

/// A counted pointer to a state.
template <class S>
class StateRef final {
public:
    StateRef() noexcept = default;
    explicit StateRef(S& state) noexcept : state_(&state) { state.retain(); }
    StateRef(const StateRef& other) noexcept : state_(other.state_) {
        if (state_ != nullptr) {
            state_->retain();
        }
    }
    StateRef(StateRef&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    StateRef& operator=(StateRef other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~StateRef() {
        if (state_ != nullptr) {
            state_->release();
        }
    }

    [[nodiscard]] S* get() const noexcept { return state_; }
    S* operator->() const noexcept { return state_; }
    S& operator*() const noexcept { return *state_; }
    explicit operator bool() const noexcept { return state_ != nullptr; }

private:
    S* state_ = nullptr;
};

/// Waits until the result is there.
template <class S>
class FutureWait : public QueuedWaiter {
public:
    explicit FutureWait(StateRef<S> state) noexcept : state_(std::move(state)) {}

    [[nodiscard]] bool try_now() {
        state_->check(this->what());
        return state_->done();
    }
    void start() noexcept { state_->add(*this); }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "Future::wait"; }

protected:
    StateRef<S> state_;
};

/// What awaiting a result of type T gives: a copy, for there may be others who want it.
template <class T>
[[nodiscard]] T copy_result(const FutureStateOf<T>& state) {
    static_assert(std::is_void_v<T> || std::is_reference_v<T> || std::is_copy_constructible_v<T>,
                  "many may wait for this result, and each gets a copy: for a type that cannot be "
                  "copied, await future.wait() and look at future.value(), or share it through a "
                  "shared_ptr");
    state.require_value();
    if constexpr (std::is_reference_v<T>) {
        return static_cast<T>(**state.value);
    } else if constexpr (!std::is_void_v<T>) {
        return *state.value;
    }
}

}  // namespace eddy::inline v0_1::detail
