// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <eddy/detail/callback_wait.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/outcome.hpp>
#include <eddy/own.hpp>

namespace eddy::inline v0_1 {

/// What an abort function has achieved.
enum class Abort : std::uint8_t {
    requested,  ///< the operation will end soon, through its completion
    done,       ///< it is undone: the wait ends now, and a completion that still comes is ignored
};

/// How a callback ends the wait of `from_callback`: the first `resolve` or `fail` of any copy does,
/// the later ones do nothing.
///
/// If the last copy goes without either, the wait ends with `BrokenResource`.
///
/// Threading: any thread; copies are independent.
/// Lifetime:  may outlive the wait and the loop.
/// Cost:      on the loop's thread the job is made ready directly; elsewhere one post, without an
///            allocation.
template <class T>
class EDDY_VISIBLE Completion final {
public:
    explicit Completion(std::shared_ptr<detail::CallbackStateOf<T>> state) noexcept
        : state_(std::move(state)) {}
    Completion(const Completion& other) noexcept : state_(other.state_) {
        if (state_) {
            state_->add_completion();
        }
    }
    Completion(Completion&& other) noexcept = default;
    Completion& operator=(Completion other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~Completion() {
        if (state_) {
            detail::CallbackState& state = *state_;
            state.drop_completion(std::move(state_));
        }
    }

    /// Ends the wait with a value. An exception thrown by the value's move is what the wait throws.
    /// False: it was completed before, or the loop is over.
    template <class U = T>
        requires(!std::is_reference_v<T> && std::constructible_from<T, U>)
    bool resolve(U&& value) const {
        return store([&value](auto& slot) { slot.emplace(std::forward<U>(value)); });
    }
    template <class U>
        requires(std::is_reference_v<T> && std::convertible_to<U &&, T>)
    bool resolve(U&& value) const {
        T reference = std::forward<U>(value);
        return store([&reference](auto& slot) { slot.emplace(std::addressof(reference)); });
    }
    bool resolve() const
        requires std::is_void_v<T>
    {
        return store([](auto& slot) { slot.emplace(); });
    }

    /// Ends the wait with an exception. False as above.
    ///
    /// Throws: `std::invalid_argument` for a null pointer.
    bool fail(std::exception_ptr error) const {
        if (error == nullptr) {
            throw std::invalid_argument("Completion::fail needs an exception");
        }
        if (!state_ || !state_->claim()) {
            return false;
        }
        state_->error = std::move(error);
        return state_->finish(state_, detail::CallbackState::Ending::error);
    }

private:
    template <class Store>
    bool store(Store&& into) const {
        if (!state_ || !state_->claim()) {
            return false;
        }
        auto ending = detail::CallbackState::Ending::value;
        try {
            into(state_->value);
        } catch (...) {
            state_->error = std::current_exception();
            ending = detail::CallbackState::Ending::error;
        }
        return state_->finish(state_, ending);
    }

    std::shared_ptr<detail::CallbackStateOf<T>> state_;
};

namespace detail {

struct NoAbort final {};

}  // namespace detail

/// A wait for a callback; what `from_callback` returns.
template <class T, class Start, class AbortFn>
class EDDY_VISIBLE FromCallback final : public detail::CallbackWait {
public:
    static constexpr bool calls_out = true;

    template <class S, class A>
    explicit FromCallback(S&& start, A&& abort)
        : start_(std::forward<S>(start)), abort_(std::forward<A>(abort)) {}

    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start() {
        auto state = std::make_shared<detail::CallbackStateOf<T>>();
        begin_start(state);
        try {
            std::invoke(start_, Completion<T>(std::move(state)));
        } catch (...) {
            start_failed();
            throw;
        }
        finish_start();
    }
    T take() {
        throw_unless_value();
        auto& typed = static_cast<detail::CallbackStateOf<T>&>(state());
        return detail::restore<T>(std::move(*typed.value));
    }

private:
    static constexpr bool abortable = !std::is_same_v<AbortFn, detail::NoAbort>;

    [[nodiscard]] bool has_abort() const noexcept override { return abortable; }
    [[nodiscard]] bool call_abort() override {
        if constexpr (!abortable) {
            return false;
        } else if constexpr (std::is_void_v<std::invoke_result_t<AbortFn&>>) {
            std::invoke(abort_);
            return false;
        } else {
            static_assert(std::is_same_v<std::invoke_result_t<AbortFn&>, Abort>,
                          "an abort function returns eddy::Abort or nothing");
            return std::invoke(abort_) == Abort::done;
        }
    }

    Start start_;
    [[no_unique_address]] AbortFn abort_;
};

/// Waits for a callback: the bridge from any asynchronous API. Calls `start(completion)`, which
/// hands the completion to whatever will call back, and waits for it to be resolved.
///
///     const Reply reply = co_await from_callback<Reply>([&](Completion<Reply> done) {
///         client.send(request, [done](Reply answer) { done.resolve(std::move(answer)); });
///     });
///
/// With an abort function, `from_callback<T>(start, abort)`, the wait can be cancelled.
///
/// Throws:       what `start` throws, what the completion failed with; `BrokenResource` when all
///               completions were dropped; `LoopClosed` when the loop's grace ended first.
/// Cancellation: without `abort` the wait goes on until the callback comes: its result is returned,
///               and the next checkpoint throws. With it, the loop calls `abort()` once, soon and
///               outside any job, unless the completion is there by then. If it returns
///               `Abort::done`, `Cancelled` is thrown; if it returns `Abort::requested` or nothing,
///               the completion ends the wait: a value is returned, as it has happened; a failure
///               or a drop is how an aborted operation ends, and becomes `Cancelled`. An exception
///               of `abort` goes to the observer, and the wait goes on.
/// Lifetime:     `start` and `abort` are kept as long as the operation. The callback may come later
///               than that, so it may not refer to the frame, unless it is known to come before the
///               loop's end.
///               Awaited again, it calls `start` again, with a new completion.
/// Cost:         one allocation. A virtual clock stands still while the callback is awaited.
/// Source:       trio's `wait_task_rescheduled` and its `Abort`.
template <class T, class Start>
[[nodiscard]] auto from_callback(Start&& start) {
    EDDY_CHECK_CALLABLE(Start);
    return FromCallback<T, std::decay_t<Start>, detail::NoAbort>(std::forward<Start>(start),
                                                                 detail::NoAbort());
}

template <class T, class Start, class AbortFn>
[[nodiscard]] auto from_callback(Start&& start, AbortFn&& abort) {
    EDDY_CHECK_CALLABLE(Start);
    EDDY_CHECK_CALLABLE(AbortFn);
    return FromCallback<T, std::decay_t<Start>, std::decay_t<AbortFn>>(
        std::forward<Start>(start), std::forward<AbortFn>(abort));
}

}  // namespace eddy::inline v0_1
