// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <coroutine>
#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/promise.hpp>
#include <eddy/error.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1 {

/// A piece of work that runs when it is awaited, or when it is spawned as a job of its own.
///
/// Lazy: calling the coroutine makes the frame, nothing runs. Awaiting a task is a plain call: the
/// caller continues when it returns, its exception comes out of the `co_await`, and nobody else
/// runs in between unless the task itself waits. For concurrency, spawn (see `TaskGroup`).
///
///     Task<int> answer() { co_return 42; }
///     Task<> caller() { const int value = co_await answer(); ... }
///
/// `T` is a value (move-only is fine), a reference or void; at most 16 bytes aligned.
///
/// Requires:     parameters by value, or referents that outlive the task: a task keeps copies of
///               its parameters, a lambda's captures live in the lambda. Functions that take
///               `(fn, args...)` keep both.
/// Throws:       `InvalidState` when a moved-from or already awaited task is awaited.
/// Cancellation: awaiting a task is no checkpoint.
/// Lifetime:     destroying a task that never ran runs nothing.
/// Cost:         no heap allocation once this thread's frame pool is warm.
template <class T = void>
class [[nodiscard]] EDDY_VISIBLE Task final {
public:
    using promise_type = detail::Promise<T>;
    using value_type = T;

    Task(Task&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        std::swap(promise_, other.promise_);
        return *this;
    }
    ~Task() {
        if (promise_ != nullptr) {
            detail::handle_of(*promise_).destroy();
        }
    }

    /// These do not compile, and say why.
    template <std::same_as<bool> B>
    explicit operator B() const {
        static_assert(!std::same_as<B, bool>, EDDY_AWAIT_IS_MISSING);
        return false;
    }
    template <class U>
    friend bool operator==(const Task&, const U&) {
        static_assert(!std::same_as<U, U>, EDDY_AWAIT_IS_MISSING);
        return false;
    }

    /// False after a move, an await or a spawn.
    [[nodiscard]] bool valid() const noexcept { return promise_ != nullptr; }

private:
    friend promise_type;
    friend class detail::TaskAwaiter<T>;
    friend struct TaskAccess;

    explicit Task(promise_type& promise) noexcept : promise_(&promise) {}

    promise_type* promise_;
};

/// For the functions that run tasks.
struct EDDY_VISIBLE TaskAccess {
    template <class T>
    [[nodiscard]] static detail::Promise<T>* release(Task<T>& task) noexcept {
        return std::exchange(task.promise_, nullptr);
    }
};

namespace detail {

template <class T>
inline Task<T> Promise<T>::get_return_object() noexcept {
    return Task<T>(*this);
}
inline Task<void> Promise<void>::get_return_object() noexcept { return Task<void>(*this); }

[[noreturn]] EDDY_API void throw_empty_task();

/// Runs a child task in place of the awaiting coroutine. Owns the child's frame.
template <class T>
class TaskAwaiter : public TaskAwaiterBase {
public:
    explicit TaskAwaiter(Task<T>&& task) noexcept { child = TaskAccess::release(task); }
    TaskAwaiter(const TaskAwaiter&) = delete;
    TaskAwaiter& operator=(const TaskAwaiter&) = delete;
    ~TaskAwaiter() {
        if (child != nullptr) {
            handle_of(*child).destroy();
        }
    }

    [[nodiscard]] bool await_ready() const {
        if (child == nullptr) [[unlikely]] {
            throw_empty_task();
        }
        return false;
    }
    template <std::derived_from<PromiseBase> P>
    std::coroutine_handle<> await_suspend(
        std::coroutine_handle<P> caller,
        std::source_location where = std::source_location::current()) noexcept {
        caller.promise().site = where;
        parent = &caller.promise();
        child->awaiter = this;
        return transfer(*child);
    }
    T await_resume() {
        if (child->error) [[unlikely]] {
            std::rethrow_exception(std::move(child->error));
        }
        return static_cast<Promise<T>*>(child)->take();
    }
};

/// The same, but the exception is handed over instead of thrown.
template <class T>
class OutcomeAwaiter final : public TaskAwaiter<T> {
public:
    using TaskAwaiter<T>::TaskAwaiter;
    Outcome<T> await_resume() {
        auto& promise = *static_cast<Promise<T>*>(this->child);
        if (promise.error) {
            return Outcome<T>(std::move(promise.error));
        }
        try {
            return Outcome<T>(promise.take_stored());
        } catch (...) {
            return Outcome<T>(std::current_exception());
        }
    }
};

template <class T>
struct OutcomeOf final {
    using eddy_awaiter = OutcomeAwaiter<T>;
    explicit OutcomeOf(Task<T>&& wrapped) noexcept : task(std::move(wrapped)) {}
    operator Task<T>&&() noexcept { return std::move(task); }
    Task<T> task;
};

/// `const auto outcome = co_await outcome_of(task())`: how it ended, without a throw.
template <class T>
[[nodiscard]] OutcomeOf<T> outcome_of(Task<T>&& task) noexcept {
    return OutcomeOf<T>(std::move(task));
}

/// The T of the Task<T> that `fn(args...)` returns.
template <class R>
struct TaskResult {
    static_assert(is_task<R>, "the callable must return an eddy::Task");
};
template <class T>
struct TaskResult<Task<T>> {
    using type = T;
};
template <class F, class... Args>
using task_result_t = typename TaskResult<std::invoke_result_t<F, Args...>>::type;

}  // namespace detail
}  // namespace eddy::inline v0_1
