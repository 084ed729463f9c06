// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/frame_pool.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/outcome.hpp>

namespace eddy::inline v0_1 {

template <class T>
class Task;

namespace detail {

class PromiseBase;
template <class Op, bool named>
class Awaiting;
template <class Op>
class ContainedAwaiting;
template <class T>
class TaskAwaiter;
template <class T>
class ExpressionTask;

/// The part of an awaiter of a child task that the child knows: whose turn it is when it ends.
struct TaskAwaiterBase {
    PromiseBase* child = nullptr;   // owned; null after a teardown from the leaf
    PromiseBase* parent = nullptr;  // set when the await suspends
};

template <class A>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

/// A `Waiter` with `try_now`, `start` and `take`.
template <class Op>
concept WaitOperation = requires(Op& op) {
    { op.try_now() } -> std::same_as<bool>;
    op.start();
    op.take();
};

/// Something with a member `co_await` that yields an operation: a handle.
template <class A>
concept HasCoAwait = requires(A&& a) { std::forward<A>(a).operator co_await(); };

/// What can be awaited where it lies, any number of times as far as we care: no task.
template <class A>
concept Operation = WaitOperation<std::remove_reference_t<A>> || HasCoAwait<A&>;

template <class A>
struct OperationResult {
    using type = decltype(std::declval<A&>().operator co_await().take());
};
template <WaitOperation Op>
struct OperationResult<Op> {
    using type = decltype(std::declval<Op&>().take());
};
template <class A>
using operation_result_t = typename OperationResult<std::remove_reference_t<A>>::type;

/// One that refers to temporaries, and says so: it is awaited where they are made.
template <class Op>
concept ExpressionOperation = requires { requires Op::ends_with_expression; };

template <class A>
concept EddyAwaiter = requires { typename std::remove_cvref_t<A>::eddy_awaiter; };

/// What every Eddy coroutine's promise is, whatever it returns.
///
/// 16 bytes of alignment put it at the same place in every frame, so that a frame can be found
/// from it without knowing the type (the library refuses results that are aligned higher).
class alignas(16) PromiseBase {
public:
    TaskAwaiterBase* awaiter = nullptr;  // who awaits this one; null for a job's root
    std::source_location site;           // the last await that suspended, or the coroutine itself
    std::exception_ptr error;

    PromiseBase(const PromiseBase&) = delete;
    PromiseBase& operator=(const PromiseBase&) = delete;

    static void* operator new(std::size_t size) { return FramePool::allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        FramePool::release(memory, size);
    }

    struct FinalAwaiter final {
        FinalAwaiter() noexcept {}
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <std::derived_from<PromiseBase> P>
        [[nodiscard]] std::coroutine_handle<> await_suspend(
            std::coroutine_handle<P> self) const noexcept {
            return self.promise().on_final();
        }
        void await_resume() const noexcept {}
    };

    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    [[nodiscard]] FinalAwaiter final_suspend() const noexcept { return FinalAwaiter(); }
    void unhandled_exception() noexcept { error = std::current_exception(); }

    /// Sees every `co_await` of the coroutine: lets only Eddy's awaitables pass. It is the awaiter
    /// that notes where, by a default argument of `await_suspend`: here it would cost a place in
    /// every frame.
    template <class A>
    decltype(auto) await_transform(A&& awaitable) {
        using Plain = std::remove_cvref_t<A>;
        if constexpr (is_task<Plain>) {
            static_assert(!std::is_lvalue_reference_v<A>,
                          "a Task is awaited once: write co_await std::move(task)");
            return TaskAwaiter<typename Plain::value_type>(std::forward<A>(awaitable));
        } else if constexpr (EddyAwaiter<A>) {
            static_assert(!std::is_lvalue_reference_v<A>, "await a temporary");
            return typename Plain::eddy_awaiter(std::forward<A>(awaitable));
        } else if constexpr (WaitOperation<Plain>) {
            static_assert(!std::is_lvalue_reference_v<A> || !ExpressionOperation<Plain>,
                          "this refers to temporaries, which have ended with the expression that "
                          "made them: co_await it there, or name them first");
            return Awaiting<Plain, std::is_lvalue_reference_v<A>>(awaitable);
        } else if constexpr (HasCoAwait<A>) {
            using Op = decltype(std::forward<A>(awaitable).operator co_await());
            static_assert(WaitOperation<Op>,
                          "Eddy's tasks await Eddy's awaitables only: bridge other asynchronous "
                          "APIs with eddy::from_callback(fn)");
            return ContainedAwaiting<Op>(std::forward<A>(awaitable));
        } else {
            static_assert(WaitOperation<Plain>,
                          "Eddy's tasks await Eddy's awaitables only: bridge other asynchronous "
                          "APIs with eddy::from_callback(fn)");
        }
    }

    /// By value: a temporary is the parameter itself, and nothing else gets here.
    template <class T>
    TaskAwaiter<T> await_transform(ExpressionTask<T> task) {
        return TaskAwaiter<T>(task.release());
    }

protected:
    explicit PromiseBase(std::source_location where) noexcept : site(where) {}
    ~PromiseBase() = default;

private:
    std::coroutine_handle<> on_final() noexcept;
};

/// The frame of a promise. Sound because every promise starts with a PromiseBase of alignment 16.
[[nodiscard]] inline std::coroutine_handle<PromiseBase> handle_of(PromiseBase& promise) noexcept {
    return std::coroutine_handle<PromiseBase>::from_promise(promise);
}

/// Goes on with `next`: by symmetric transfer, or through the run loop every `max_hops` times.
[[nodiscard, gnu::always_inline]] inline std::coroutine_handle<> transfer(
    PromiseBase& next) noexcept {
    ThreadState& state = thread_state;
    if (--state.hops != 0) [[likely]] {
        return handle_of(next);
    }
    state.hops = max_hops;
    state.bounce = &next;
    return std::noop_coroutine();
}

/// Marks `root`, the running job's, as done; the run loop finishes the job once the frame is at
/// rest.
EDDY_API void root_reached_end(PromiseBase& root) noexcept;

[[gnu::always_inline]] inline std::coroutine_handle<> PromiseBase::on_final() noexcept {
    if (awaiter != nullptr) [[likely]] {
        return transfer(*awaiter->parent);
    }
    root_reached_end(*this);
    return std::noop_coroutine();
}

template <class T>
class Promise final : public PromiseBase {
    static_assert(
        alignof(Stored<T>) <= 16,
        "coroutine frames are aligned to 16 bytes: return a pointer to over-aligned data");

public:
    explicit Promise(std::source_location where = std::source_location::current()) noexcept
        : PromiseBase(where) {}

    Task<T> get_return_object() noexcept;

    template <class U = T>
        requires std::is_constructible_v<Stored<T>, U&&> && (!std::is_reference_v<T>)
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }

    template <class U>
        requires std::is_reference_v<T> && std::is_convertible_v<U&&, T>
    void return_value(U&& value) {
        T reference = static_cast<U&&>(value);
        value_.emplace(std::addressof(reference));
    }

    /// The result as it is stored. Throws if the body flowed off its end.
    [[nodiscard]] Stored<T> take_stored() {
        if (!value_) [[unlikely]] {
            no_result();
        }
        return std::move(*value_);
    }

    T take() { return restore<T>(take_stored()); }

private:
    [[noreturn]] static void no_result() {
        throw InvalidState("a task that returns a value flowed off its end without co_return");
    }

    std::optional<Stored<T>> value_;
};

template <>
class Promise<void> final : public PromiseBase {
public:
    explicit Promise(std::source_location where = std::source_location::current()) noexcept
        : PromiseBase(where) {}

    Task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    [[nodiscard]] Unit take_stored() const noexcept { return {}; }
    void take() const noexcept {}
};

}  // namespace detail
}  // namespace eddy::inline v0_1
