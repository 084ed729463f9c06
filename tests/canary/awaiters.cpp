// SPDX-License-Identifier: MIT
// Awaiters and `await_transform`. g++ 12 copies some awaiters that are lvalues;
// pinned prvalue awaiters, the only ones that Eddy makes, must work.

#include <memory>
#include <source_location>

#include "harness.hpp"

namespace canary {
namespace {

struct Copied {
    explicit Copied(int number) : value(number) {}
    Copied(const Copied& other) : value(other.value + 100) {}
    Copied& operator=(const Copied&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return !run.suspending; }
    void await_suspend(std::coroutine_handle<> job) noexcept { run.pending = job; }
    [[nodiscard]] int await_resume() const { return value; }

    int value;
};

struct Holder {
    Copied& get() { return awaiter; }
    Copied awaiter{7};
};

struct ConvertsToLvalue {
    Copied& operator co_await() { return awaiter; }
    Copied awaiter{7};
};

CANARY_CASE(listed, "B4", lvalue_from_call, 7) {
    Holder holder;
    const int result = co_await holder.get();
    co_return result;
}

CANARY_CASE(listed, "B4", lvalue_from_operator, 7) {
    ConvertsToLvalue source;
    const int result = co_await source;
    co_return result;
}

CANARY_CASE(listed, "B4", lvalue_captured_by_reference, 7) {
    Copied awaiter(7);
    const auto body = [&]() -> Task<int> {
        const int result = co_await awaiter;
        co_return result;
    };
    const int result = co_await body();
    co_return result;
}

CANARY_CASE(listed, "B4", lvalue_behind_unique_ptr, 7) {
    const auto awaiter = std::make_unique<Copied>(7);
    const int result = co_await *awaiter;
    co_return result;
}

CANARY_CASE(required, "B4", lvalue_local, 7) {
    Copied awaiter(7);
    const int result = co_await awaiter;
    co_return result;
}

// An object with identity hands out a pinned prvalue awaiter that points to it.
class Event final {
public:
    class Waiter final {
    public:
        explicit Waiter(Event* event) noexcept : event_(event) {}
        Waiter(const Waiter&) = delete;
        Waiter& operator=(const Waiter&) = delete;
        ~Waiter() { --event_->waiters_; }

        [[nodiscard]] bool await_ready() const noexcept { return !run.suspending; }
        void await_suspend(std::coroutine_handle<> job) noexcept {
            self_ = this;
            run.pending = job;
        }
        // 700: the awaiter moved while it was suspended.
        [[nodiscard]] int await_resume() const { return !self_ || self_ == this ? 7 : 700; }

    private:
        Event* event_;
        Waiter* self_ = nullptr;
    };

    Event() = default;
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() {
        if (waiters_ != 0) run.faults.double_destroy = true;
    }

    [[nodiscard]] Waiter wait() {
        ++waiters_;
        return Waiter(this);
    }
    Waiter operator co_await() { return wait(); }

private:
    int waiters_ = 0;
};

CANARY_CASE(required, "B4", pinned_awaiter_from_call, 7) {
    Event event;
    const int result = co_await event.wait();
    co_return result;
}

CANARY_CASE(required, "B4", pinned_awaiter_from_operator, 7) {
    Event event;
    const int result = co_await event;
    co_return result;
}

CANARY_CASE(required, "B4", two_pinned_awaiters, 14) {
    Event event;
    const int result = co_await event.wait() + co_await event.wait();
    co_return result;
}

CANARY_CASE(required, "B4", pinned_awaiter_through_reference, 7) {
    Event event;
    const auto body = [&]() -> Task<int> {
        const int result = co_await event;
        co_return result;
    };
    const int result = co_await body();
    co_return result;
}

// await_transform. -----------------------------------------------------------------

using Location = std::source_location;

/// A pinned operation, a prvalue in the caller's frame, that the wrapper drives.
template <typename Operation>
class Checked final {
public:
    Checked(Operation* operation, Location where) noexcept : operation_(operation), where_(where) {}
    Checked(const Checked&) = delete;
    Checked& operator=(const Checked&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return operation_->await_ready(); }
    auto await_suspend(std::coroutine_handle<> job) noexcept {
        return operation_->await_suspend(job);
    }
    decltype(auto) await_resume() const {
        last_line = where_.line();
        return operation_->await_resume();
    }

    static inline unsigned last_line = 0;

private:
    Operation* operation_;
    Location where_;
};

/// The same for an operation that a handle makes: it lives in the wrapper, in place.
template <typename Operation>
class Contained final {
public:
    template <typename Handle>
    explicit Contained(Handle&& handle, Location where)
        : operation_(std::forward<Handle>(handle).operator co_await()),
          checked_(&operation_, where) {}
    Contained(const Contained&) = delete;
    Contained& operator=(const Contained&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return checked_.await_ready(); }
    auto await_suspend(std::coroutine_handle<> job) noexcept { return checked_.await_suspend(job); }
    decltype(auto) await_resume() const { return checked_.await_resume(); }

private:
    Operation operation_;
    Checked<Operation> checked_;
};

/// A task whose promise transforms every await, as Eddy's does.
class Transformed final {
public:
    class promise_type;
    using Handle = std::coroutine_handle<promise_type>;

    explicit Transformed(Handle frame) noexcept : frame_(frame) {}
    Transformed(Transformed&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    ~Transformed() {
        if (frame_) frame_.destroy();
    }

    class Awaiter final {
    public:
        explicit Awaiter(Handle frame) noexcept : frame_(frame) {}
        Awaiter(const Awaiter&) = delete;
        Awaiter& operator=(const Awaiter&) = delete;
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        Handle await_suspend(std::coroutine_handle<> caller) noexcept;
        [[nodiscard]] int await_resume() const;

    private:
        Handle frame_;
    };

    Awaiter operator co_await() && noexcept { return Awaiter(frame_); }

private:
    Handle frame_;
};

class Transformed::promise_type {
public:
    explicit promise_type(Location where = Location::current()) : defined_at_(where) {}

    struct Final {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(Handle frame) noexcept {
            return frame.promise().continuation;
        }
        void await_resume() const noexcept {}
    };

    Transformed get_return_object() noexcept { return Transformed(Handle::from_promise(*this)); }
    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    [[nodiscard]] Final final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { std::terminate(); }
    void return_value(int value) noexcept {
        result = value;
        last_defined_at = defined_at_;
    }

    template <typename Operation>
        requires requires(Operation& operation) { operation.await_ready(); }
    [[nodiscard]] Checked<Operation> await_transform(
        Operation&& operation, Location where = Location::current()) noexcept {
        return Checked<Operation>(&operation, where);
    }

    template <typename Handle>
        requires requires(Handle&& handle) { std::forward<Handle>(handle).operator co_await(); }
    [[nodiscard]] auto await_transform(Handle&& handle, Location where = Location::current()) {
        using Operation = decltype(std::forward<Handle>(handle).operator co_await());
        return Contained<Operation>(std::forward<Handle>(handle), where);
    }

    // A task is transformed into its own pinned awaiter.
    [[nodiscard]] Awaiter await_transform(Transformed&& task,
                                          Location = Location::current()) noexcept {
        return std::move(task).operator co_await();
    }

    std::coroutine_handle<> continuation;
    int result = 0;
    static inline Location last_defined_at;

private:
    Location defined_at_;
};

Transformed::Handle Transformed::Awaiter::await_suspend(std::coroutine_handle<> caller) noexcept {
    frame_.promise().continuation = caller;
    return frame_;
}

int Transformed::Awaiter::await_resume() const { return frame_.promise().result; }

/// A pinned operation that notices when it is moved while it waits.
class Operation final {
public:
    explicit Operation(int value) : payload_(value) {}
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return !run.suspending; }
    void await_suspend(std::coroutine_handle<> job) noexcept {
        self_ = this;
        run.pending = job;
    }
    [[nodiscard]] int await_resume() const {
        return !self_ || self_ == this ? payload_.value() : 700;
    }

private:
    Tracked payload_;
    Operation* self_ = nullptr;
};

Operation operate(int value) { return Operation(value); }

Transformed awaits_operations() {
    const int first = co_await operate(3);
    const int second = co_await Operation(4);
    co_return first + second;
}

CANARY_CASE(required, "B4", transformed_prvalue_operation, 7) {
    const int result = co_await awaits_operations();
    co_return result;
}

Transformed awaits_tasks() {
    const int result = co_await awaits_operations();
    co_return result;
}

CANARY_CASE(required, "B4", transformed_task, 7) {
    const int result = co_await awaits_tasks();
    co_return result;
}

/// A handle with a destructor, awaited as an lvalue and as a temporary.
class OperationHandle final {
public:
    explicit OperationHandle(int value) : payload_(value) {}
    Operation operator co_await() const { return Operation(payload_.value()); }

private:
    Tracked payload_;
};

Transformed awaits_handles(OperationHandle handle) {
    const int first = co_await handle;
    const int second = co_await OperationHandle(4);
    co_return first + second;
}

CANARY_CASE(required, "B4", transformed_handle, 7) {
    const int result = co_await awaits_handles(OperationHandle(3));
    co_return result;
}

Transformed sums_operations(Tracked start) {
    co_return start.value() + co_await operate(co_await operate(2)) + co_await operate(4);
}

CANARY_CASE(required, "B4", transformed_nested_operations, 7) {
    const int result = co_await sums_operations(Tracked(1));
    co_return result;
}

Transformed knows_its_line() {
    co_await operate(1);
    const unsigned line = __LINE__ - 1;
    co_return Checked<Operation>::last_line == line ? 7 : 0;
}

CANARY_CASE(required, "B9", line_of_the_await, 7) {
    const int result = co_await knows_its_line();
    co_return result;
}

constexpr unsigned first_line = __LINE__;
Transformed knows_its_name() {
    const int seven = co_await operate(7);
    co_return seven;
}
constexpr unsigned last_line = __LINE__;

CANARY_CASE(required, "B9", place_of_the_coroutine, 7) {
    const int result = co_await knows_its_name();
    const Location where = Transformed::promise_type::last_defined_at;
    const bool inside = where.line() > first_line && where.line() < last_line;
    const bool named =
        std::string_view(where.function_name()).find("knows_its_name") != std::string_view::npos;
    co_return inside&& named ? result : 0;
}

}  // namespace
}  // namespace canary
