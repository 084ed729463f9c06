// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/check_call.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/lifetime_bound.hpp>
#include <eddy/own.hpp>
#include <eddy/scope.hpp>
#include <eddy/task.hpp>

/// Work under a scope of its own: `with_scope`, timeouts, shields.
///
/// All of them start when awaited, and take a task, `(fn, args...)`, a handle, or an operation:
///
///     const auto item = co_await move_on_after(1s, queue.get());
///
/// A callable, its arguments and a handle that is a temporary (`spawn(...)`) are kept until the
/// work has ended; what has a name is referred to. An operation cannot be kept: one that is a
/// temporary, as above, ends with the expression, so the result has to be awaited there, on its own
/// or inside other wrappers and combinators. To keep it, or spawn it, does not compile.
///
/// The work is always waited for: a timeout asks it to stop, and returns when it has.

namespace eddy::inline v0_1 {

namespace detail {

/// `optional<T>`, or `bool` for void: what scopes that may absorb return.
template <class T>
using Maybe = std::conditional_t<std::is_void_v<T>, bool, std::optional<Stored<T>>>;

/// What makes an empty one. An empty `Maybe` itself would do, but g++ 12, optimising a little,
/// warns of the value that is not in it.
template <class T>
constexpr auto no_value() noexcept {
    if constexpr (std::is_void_v<T>) {
        return false;
    } else {
        return std::nullopt;
    }
}

template <class T>
Maybe<T> to_maybe(Outcome<T>& outcome) {
    if constexpr (std::is_void_v<T>) {
        outcome.value();
        return true;
    } else if constexpr (std::is_reference_v<T>) {
        return Maybe<T>(std::addressof(outcome.value()));
    } else {
        return Maybe<T>(outcome.value());
    }
}

/// Runs `work` inside `scope`; empty if the scope absorbed its cancellation.
template <class T>
Task<Maybe<T>> run_in_scope(CancelScope& scope, Task<T> work) {
    ScopeEntry entry(scope);
    auto outcome = co_await outcome_of(std::move(work));
    const bool cancelled = outcome.cancelled();
    if (cancelled) {
        const bool absorbed = entry.leave_absorbing();
        if (absorbed) {
            co_return no_value<T>();
        }
    }
    co_return to_maybe(outcome);
}

template <class T>
ExpressionTask<Maybe<T>> run_in_scope(CancelScope& scope, ExpressionTask<T> work) {
    return ExpressionTask<Maybe<T>>(run_in_scope(scope, work.release()));
}

template <class F, class... Args>
auto scoped_call(CancelScope& scope, F& fn, Args&... args) {
    if constexpr (std::is_invocable_v<F&, CancelScope&, Args...>) {
        return std::invoke(fn, scope, std::move(args)...);
    } else {
        return std::invoke(fn, std::move(args)...);
    }
}

template <class F, class... Args>
using scoped_result_t = typename TaskResult<decltype(scoped_call(
    std::declval<CancelScope&>(), std::declval<F&>(), std::declval<Args&>()...))>::type;

template <class T, class F, class... Args>
Task<Maybe<T>> host_scope(CancelScope& scope, F fn, Args... args) {
    co_return co_await run_in_scope(scope, scoped_call(scope, fn, args...));
}

template <class T, class F, class... Args>
Task<Maybe<T>> host_new_scope(ScopeOptions options, F fn, Args... args) {
    CancelScope scope(options);
    co_return co_await run_in_scope(scope, scoped_call(scope, fn, args...));
}

template <class T>
Task<Maybe<T>> host_task(ScopeOptions options, Task<T> work) {
    CancelScope scope(options);
    co_return co_await run_in_scope(scope, std::move(work));
}

template <class T>
ExpressionTask<Maybe<T>> host_task(ScopeOptions options, ExpressionTask<T> work) {
    return ExpressionTask<Maybe<T>>(host_task(options, work.release()));
}

/// Throws `TimedOut` if the deadline is what cancelled `scope`, `JobCancelled` otherwise.
[[noreturn]] EDDY_API void throw_timed_out(const CancelScope& scope);

template <class T>
Task<T> host_fail(ScopeOptions options, Task<T> work) {
    CancelScope scope(options);
    auto result = co_await run_in_scope(scope, std::move(work));
    if (!result) {
        throw_timed_out(scope);
    }
    if constexpr (std::is_reference_v<T>) {
        co_return static_cast<T>(**result);
    } else if constexpr (!std::is_void_v<T>) {
        co_return std::move(*result);
    }
}

template <class T>
ExpressionTask<T> host_fail(ScopeOptions options, ExpressionTask<T> work) {
    return ExpressionTask<T>(host_fail(options, work.release()));
}

/// `fn(args...)` as a task that keeps both.
template <class T, class F, class... Args>
Task<T> host_call(F fn, Args... args) {
    if constexpr (std::is_void_v<T>) {
        co_await std::invoke(fn, std::move(args)...);
    } else {
        co_return co_await std::invoke(fn, std::move(args)...);
    }
}

/// A temporary operation is awaited as a temporary, so that a select knows; a handle as what it is
/// here, something with a name.
template <class A>
using AwaitedAs =
    std::conditional_t<WaitOperation<std::remove_cvref_t<A>>, A&&, std::remove_reference_t<A>&>;

/// The operation, or what a handle makes one of, is awaited where it lies.
template <class A>
Task<operation_result_t<A>> host_referred(A&& operation) {
    if constexpr (std::is_void_v<operation_result_t<A>>) {
        co_await static_cast<AwaitedAs<A>>(operation);
    } else {
        co_return co_await static_cast<AwaitedAs<A>>(operation);
    }
}

template <class A>
[[nodiscard]] auto host_operation(A&& operation) {
    if constexpr (std::is_lvalue_reference_v<A>) {
        return host_referred<A>(operation);
    } else {
        return ExpressionTask<operation_result_t<A>>(host_referred<A>(std::forward<A>(operation)));
    }
}

/// A handle that is a temporary is kept, as a callable is.
template <class A>
concept KeptHandle = Operation<A> && !WaitOperation<A> && !std::is_lvalue_reference_v<A> &&
                     std::is_move_constructible_v<A>;
template <class A>
concept ReferredOperation = Operation<A> && !KeptHandle<A>;

template <class H>
Task<operation_result_t<H>> host_handle(H handle) {
    if constexpr (std::is_void_v<operation_result_t<H>>) {
        co_await handle;
    } else {
        co_return co_await handle;
    }
}

/// A task is itself; a handle, or a callable with its arguments, becomes one.
template <class T>
[[nodiscard]] Task<T> as_task(Task<T>&& task) {
    return std::move(task);
}
template <class H>
    requires KeptHandle<H>
[[nodiscard]] auto as_task(H&& handle) {
    return host_handle<std::remove_cv_t<H>>(std::forward<H>(handle));
}
template <class F, class... Args>
    requires(!KeptHandle<F> &&
             (sizeof...(Args) != 0 || !std::is_same_v<F, std::decay_t<F>> || !is_task<F>))
[[nodiscard]] auto as_task(F&& fn, Args&&... args) {
    if constexpr (is_task<std::remove_cvref_t<F>> && sizeof...(Args) == 0) {
        refuse_as_task<F>();
        return refused();
    } else if constexpr (check_task_call<F, std::decay_t<Args>...>()) {
        using T = task_result_t<std::decay_t<F>&, std::decay_t<Args>...>;
        return host_call<T, std::decay_t<F>, std::decay_t<Args>...>(std::forward<F>(fn),
                                                                    std::forward<Args>(args)...);
    } else {
        return refused();
    }
}

/// `fn(scope, called...)`, or else `fn(called...)`.
template <class F, class... Called>
consteval bool check_scoped_call() {
    if constexpr (std::is_invocable_v<std::decay_t<F>&, CancelScope&, Called...>) {
        return check_task_call<F, CancelScope&, Called...>();
    } else {
        return check_task_call<F, Called...>();
    }
}

[[nodiscard]] inline ScopeOptions until(TimePoint deadline) noexcept {
    return ScopeOptions{.deadline = deadline};
}
[[nodiscard]] inline ScopeOptions within(Duration timeout) noexcept {
    return ScopeOptions{.timeout = timeout};
}

}  // namespace detail

/// Runs `fn(scope, args...)`, or `fn(args...)`, in a new scope. Empty (`false` for void) when the
/// scope absorbed a cancellation, otherwise the result.
template <class F, class... Args>
[[nodiscard]] auto with_scope(ScopeOptions options, F&& fn, Args&&... args) {
    if constexpr (detail::check_scoped_call<F, std::decay_t<Args>...>()) {
        using T = detail::scoped_result_t<std::decay_t<F>, std::decay_t<Args>...>;
        return detail::host_new_scope<T, std::decay_t<F>, std::decay_t<Args>...>(
            options, std::forward<F>(fn), std::forward<Args>(args)...);
    } else {
        return detail::refused();
    }
}

template <class T>
[[nodiscard]] auto with_scope(ScopeOptions options, Task<T> work) {
    return detail::host_task(options, std::move(work));
}
template <detail::ReferredOperation A>
[[nodiscard]] auto with_scope(ScopeOptions options, A&& operation EDDY_LIFETIMEBOUND) {
    return detail::host_task(options, detail::host_operation(std::forward<A>(operation)));
}
template <detail::KeptHandle H>
[[nodiscard]] auto with_scope(ScopeOptions options, H&& handle) {
    return detail::host_task(options, detail::as_task(std::forward<H>(handle)));
}
template <class T>
[[nodiscard]] auto with_scope(ScopeOptions options, detail::ExpressionTask<T> work) {
    return detail::host_task(options, work.forward());
}

/// The same in a scope the caller made, so that others can cancel it. `scope` outlives the await.
template <class F, class... Args>
[[nodiscard]] auto with_scope(CancelScope& scope, F&& fn, Args&&... args) {
    if constexpr (detail::check_scoped_call<F, std::decay_t<Args>...>()) {
        using T = detail::scoped_result_t<std::decay_t<F>, std::decay_t<Args>...>;
        return detail::host_scope<T, std::decay_t<F>, std::decay_t<Args>...>(
            scope, std::forward<F>(fn), std::forward<Args>(args)...);
    } else {
        return detail::refused();
    }
}
template <class T>
[[nodiscard]] auto with_scope(CancelScope& scope, Task<T> work) {
    return detail::run_in_scope(scope, std::move(work));
}
template <detail::ReferredOperation A>
[[nodiscard]] auto with_scope(CancelScope& scope, A&& operation EDDY_LIFETIMEBOUND) {
    return detail::run_in_scope(scope, detail::host_operation(std::forward<A>(operation)));
}
template <detail::KeptHandle H>
[[nodiscard]] auto with_scope(CancelScope& scope, H&& handle) {
    return detail::run_in_scope(scope, detail::as_task(std::forward<H>(handle)));
}
template <class T>
[[nodiscard]] auto with_scope(CancelScope& scope, detail::ExpressionTask<T> work) {
    return detail::run_in_scope(scope, work.forward());
}

/// Gives the work at most `timeout`, counted from the await: the result, or empty (`false`) when
/// the time was up first. Of a wait of the work and the timeout that end at the same moment (a
/// sleep, a tick), the wait ends first: work that finishes with it has its result. A timeout of
/// zero, or less, is up at the first checkpoint.
template <class... Work>
[[nodiscard]] auto move_on_after(Duration timeout, Work&&... work) {
    return detail::host_task(detail::within(timeout), detail::as_task(std::forward<Work>(work)...));
}
template <detail::ReferredOperation A>
[[nodiscard]] auto move_on_after(Duration timeout, A&& operation EDDY_LIFETIMEBOUND) {
    return detail::host_task(detail::within(timeout),
                             detail::host_operation(std::forward<A>(operation)));
}
template <class T>
[[nodiscard]] auto move_on_after(Duration timeout, detail::ExpressionTask<T> work) {
    return detail::host_task(detail::within(timeout), work.forward());
}
template <class... Work>
[[nodiscard]] auto move_on_at(TimePoint deadline, Work&&... work) {
    return detail::host_task(detail::until(deadline), detail::as_task(std::forward<Work>(work)...));
}
template <detail::ReferredOperation A>
[[nodiscard]] auto move_on_at(TimePoint deadline, A&& operation EDDY_LIFETIMEBOUND) {
    return detail::host_task(detail::until(deadline),
                             detail::host_operation(std::forward<A>(operation)));
}
template <class T>
[[nodiscard]] auto move_on_at(TimePoint deadline, detail::ExpressionTask<T> work) {
    return detail::host_task(detail::until(deadline), work.forward());
}

/// The same, but a passed deadline is an error.
///
/// Throws: `TimedOut`, only if this deadline ended the work.
template <class... Work>
[[nodiscard]] auto fail_after(Duration timeout, Work&&... work) {
    return detail::host_fail(detail::within(timeout), detail::as_task(std::forward<Work>(work)...));
}
template <detail::ReferredOperation A>
[[nodiscard]] auto fail_after(Duration timeout, A&& operation EDDY_LIFETIMEBOUND) {
    return detail::host_fail(detail::within(timeout),
                             detail::host_operation(std::forward<A>(operation)));
}
template <class T>
[[nodiscard]] auto fail_after(Duration timeout, detail::ExpressionTask<T> work) {
    return detail::host_fail(detail::within(timeout), work.forward());
}
template <class... Work>
[[nodiscard]] auto fail_at(TimePoint deadline, Work&&... work) {
    return detail::host_fail(detail::until(deadline), detail::as_task(std::forward<Work>(work)...));
}
template <detail::ReferredOperation A>
[[nodiscard]] auto fail_at(TimePoint deadline, A&& operation EDDY_LIFETIMEBOUND) {
    return detail::host_fail(detail::until(deadline),
                             detail::host_operation(std::forward<A>(operation)));
}
template <class T>
[[nodiscard]] auto fail_at(TimePoint deadline, detail::ExpressionTask<T> work) {
    return detail::host_fail(detail::until(deadline), work.forward());
}

/// Waits for the work whatever is cancelled outside; the cancellation arrives after it. For the few
/// steps that must not be torn: keep it short. To let work go on alone, `detach_on_cancel`.
template <class... Work>
[[nodiscard]] auto shield(Work&&... work) {
    return detail::host_fail(ScopeOptions{.shield = true},
                             detail::as_task(std::forward<Work>(work)...));
}
template <detail::ReferredOperation A>
[[nodiscard]] auto shield(A&& operation EDDY_LIFETIMEBOUND) {
    return detail::host_fail(ScopeOptions{.shield = true},
                             detail::host_operation(std::forward<A>(operation)));
}
template <class T>
[[nodiscard]] auto shield(detail::ExpressionTask<T> work) {
    return detail::host_fail(ScopeOptions{.shield = true}, work.forward());
}

}  // namespace eddy::inline v0_1
