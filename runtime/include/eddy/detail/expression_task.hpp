// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include <eddy/detail/promise.hpp>
#include <eddy/task.hpp>

/// What is said about every attempt to keep something that refers to a temporary.
#define EDDY_ENDS_WITH_EXPRESSION                                                              \
    "this refers to an operation that ends with the expression: co_await it here, or spawn a " \
    "coroutine that does"

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type.
/// For functions that take a callable and run it after the expression has ended.
#define EDDY_CHECK_LASTING(F)                                                             \
    static_assert(!::eddy::detail::is_expression_task<std::remove_cvref_t<F>>,            \
                  EDDY_ENDS_WITH_EXPRESSION);                                             \
    static_assert(                                                                        \
        !::eddy::detail::Operation<std::remove_cvref_t<F>>,                               \
        "an operation is awaited and does not run by itself: co_await it here, or spawn " \
        "a coroutine that does")
// NOLINTEND(bugprone-macro-parentheses)

namespace eddy::inline v0_1::detail {

template <class T>
inline constexpr bool always_false = false;

/// A task that refers to a temporary operation: what `fail_after(1s, queue.get())` returns.
///
/// The operation ends with the full expression that made it, so this may not live longer: it is
/// awaited in that expression, or given to what wraps or combines tasks, which makes another one.
/// There is no way from it to a `Task`, and so none to a job or a variable.
///
/// Whoever takes one takes it by value. A temporary is then the parameter itself; anything else
/// would have to be moved there, which does not compile. (By reference, one that was named first
/// and moved could not be told from a temporary. Deleted functions could not say why.)
template <class T>
class [[nodiscard]] ExpressionTask final {
public:
    using value_type = T;

    explicit ExpressionTask(Task<T>&& task) noexcept : task_(std::move(task)) {}
    ExpressionTask(ExpressionTask&& other) noexcept : task_(std::move(other.task_)) {
        static_assert(always_false<T>, EDDY_ENDS_WITH_EXPRESSION);
    }
    ExpressionTask(const ExpressionTask&) noexcept : task_(no_task()) {
        static_assert(always_false<T>, EDDY_ENDS_WITH_EXPRESSION);
    }
    ExpressionTask& operator=(const ExpressionTask&) = delete;
    ~ExpressionTask() = default;

    // NOLINTNEXTLINE(google-explicit-constructor): it is there to be refused.
    operator Task<T>() {
        static_assert(always_false<T>, EDDY_ENDS_WITH_EXPRESSION);
        return std::move(task_);
    }

    /// For those who keep the task in the expression too.
    [[nodiscard]] Task<T> release() noexcept { return std::move(task_); }
    /// To another function that takes one.
    [[nodiscard]] ExpressionTask forward() noexcept { return ExpressionTask(release()); }

private:
    static Task<T> no_task();  // never called

    Task<T> task_;
};

template <class A>
inline constexpr bool is_expression_task = false;
template <class T>
inline constexpr bool is_expression_task<ExpressionTask<T>> = true;

/// What combinators take: tasks of both kinds.
template <class A>
concept AnyTask = is_task<A> || is_expression_task<A>;

/// Tasks of which at least one refers to a temporary, which makes the whole refer to it.
template <class... A>
concept ExpressionTasks = (AnyTask<A> && ...) && (is_expression_task<A> || ...);

template <class T>
[[nodiscard]] Task<T> release(Task<T>& task) noexcept {
    return std::move(task);
}
template <class T>
[[nodiscard]] Task<T> release(ExpressionTask<T>& task) noexcept {
    return task.release();
}

template <class T>
[[nodiscard]] OutcomeOf<T> outcome_of(ExpressionTask<T> task) noexcept {
    return OutcomeOf<T>(task.release());
}

/// A plain function made the operation and has returned.
template <class T>
struct TaskResult<ExpressionTask<T>> {
    static_assert(always_false<T>, EDDY_ENDS_WITH_EXPRESSION);
    using type = T;
};

}  // namespace eddy::inline v0_1::detail
