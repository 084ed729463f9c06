// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <source_location>
#include <type_traits>

#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/promise.hpp>
#include <eddy/own.hpp>
#include <eddy/spawn_options.hpp>
#include <eddy/task.hpp>

/// What is wrong with what a function of this library was given, in one line that says what to
/// write. A function looks first, and does its work only if nothing is wrong: so the compiler has
/// nothing to say about its inside.
///
///     if constexpr (check_task_call<F, std::decay_t<Args>...>()) { ... }
///     else { return refused(); }

#define EDDY_TASK_TAKES_OPTIONS_ONLY                                                             \
    "a task has its arguments already, and takes options only: spawn(task, {.name = \"...\"}); " \
    "arguments come after a callable, spawn(fn, args...)"
#define EDDY_TASK_BEFORE_OPTIONS \
    "a task comes before its options: spawn(task, options); a callable after them"
#define EDDY_OPTIONS_BEFORE_CALLABLE \
    "options come before a callable, spawn(options, fn, args...), and after a task"

#define EDDY_CANNOT_BE_CALLED                                                                     \
    "the callable cannot be called with these arguments: they come after it, (fn, args...), and " \
    "are kept as copies: pass std::ref(x) for a reference"

namespace eddy::inline v0_1::detail {

/// In place of a result, in a function that does not compile. Never called, and not defined.
Task<> refused();
template <class T>
Task<T> refused_as();

template <class... Args>
inline constexpr bool ends_with_options = false;
template <class A>
inline constexpr bool ends_with_options<A> = std::same_as<std::remove_cvref_t<A>, SpawnOptions>;
template <class A, class B, class... Args>
inline constexpr bool ends_with_options<A, B, Args...> = ends_with_options<B, Args...>;

/// What comes after a task, and is neither its options nor a place in the source.
template <class First, class... Args>
concept NotSpawnDetail =
    sizeof...(Args) != 0 || (!std::convertible_to<First, const SpawnOptions&> &&
                             !std::convertible_to<First, std::source_location>);

/// What has options after it: misplaced, unless they are its argument. Whether they are is for the
/// body to ask, not for a constraint: of a generic lambda that would make the inside, for arguments
/// of any type.
template <class F>
concept HasOptionsBehind =
    !AnyTask<std::remove_cvref_t<F>> && !std::same_as<std::remove_cvref_t<F>, SpawnOptions>;

/// What no callable is. `F` as of a forwarding reference.
template <class F>
consteval bool check_callable_kind() {
    using Plain = std::remove_cvref_t<F>;
    if constexpr (is_expression_task<Plain>) {
        static_assert(always_false<F>, EDDY_ENDS_WITH_EXPRESSION);
    } else if constexpr (is_task<Plain>) {
        static_assert(always_false<F>,
                      "a callable and its arguments are wanted here, (fn, args...): pass the "
                      "coroutine function, not the task that calling it has made");
    } else if constexpr (Operation<Plain>) {
        static_assert(always_false<F>,
                      "an operation is awaited and does not run by itself: co_await it here, or "
                      "hand over a coroutine that does");
    } else if constexpr (std::same_as<Plain, SpawnOptions>) {
        static_assert(always_false<F>, "options are given once, and before the callable");
    } else {
        return true;
    }
    return false;
}

/// A callable of any result that is kept, and called as `fn(called...)`.
template <class F, class... Called>
consteval bool check_plain_call() {
    if constexpr (check_callable_kind<F>()) {
        constexpr bool callable = std::is_invocable_v<std::decay_t<F>&, Called...>;
        static_assert(callable, EDDY_CANNOT_BE_CALLED);
        return callable;
    } else {
        return false;
    }
}

/// A callable that is kept, and called as `fn(called...)`, and returns a task.
template <class F, class... Called>
consteval bool check_task_call() {
    using Kept = std::decay_t<F>&;
    if constexpr (!check_callable_kind<F>()) {
    } else if constexpr (!std::is_invocable_v<Kept, Called...>) {
        static_assert(!ends_with_options<Called...>,
                      "options come before a callable, spawn(options, fn, args...), and after a "
                      "task, spawn(task, options)");
        static_assert(ends_with_options<Called...>, EDDY_CANNOT_BE_CALLED);
    } else {
        using Result = std::invoke_result_t<Kept, Called...>;
        if constexpr (is_expression_task<Result>) {
            static_assert(always_false<F>, EDDY_ENDS_WITH_EXPRESSION);
        } else if constexpr (!is_task<Result>) {
            static_assert(always_false<F>, "the callable must return an eddy::Task");
        } else {
            EDDY_CHECK_CALLABLE(F);
            return safe_in_await<F>;
        }
    }
    return false;
}

/// What combinators say of what is no task. `A` as of a forwarding reference.
template <class A>
consteval void refuse_as_task() {
    using Plain = std::remove_cvref_t<A>;
    if constexpr (is_task<Plain>) {
        static_assert(!is_task<Plain>, "a Task is run once: write std::move(task)");
    } else if constexpr (Operation<Plain>) {
        static_assert(!Operation<Plain>,
                      "an operation is awaited and does not run by itself: tasks are wanted here. "
                      "Choose among operations with select, or hand over a coroutine that awaits "
                      "this one");
    } else {
        static_assert(always_false<A>, "tasks are wanted here: call the coroutines");
    }
}

/// Of several: says it of those that are none.
template <class A>
consteval void refuse_unless_task() {
    if constexpr (!AnyTask<std::remove_cvref_t<A>>) {
        refuse_as_task<A>();
    }
}

}  // namespace eddy::inline v0_1::detail
