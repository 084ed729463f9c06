// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <set>
#include <utility>
#include <vector>

/// The compiler canary: does the compiler at hand build coroutines correctly?
///
/// It tests the compiler, not Eddy, and uses nothing of Eddy. A case is a
/// coroutine with a known result. It runs with every await ready, with every
/// await suspending, and destroyed at each of its suspension points; each run
/// in a process of its own, because a miscompiled coroutine hangs or crashes.
namespace canary {

/// What a case is to Eddy, and so what a failure means.
enum class Expect {
    /// Eddy and its documentation rely on it: must work everywhere.
    required,
    /// A known fault of g++ 12 that Eddy's own code avoids: must work with clang.
    listed,
    /// A known fault of g++ 12 that Eddy rejects at compile time there, and
    /// only there: must work with every other compiler.
    guarded,
    /// A fault of another release of g++ that Eddy's own code avoids: must work
    /// with clang.
    watched,
};

/// Faults that the objects of a case report while it runs.
struct Faults {
    bool double_destroy = false;
    bool use_after_destroy = false;
    bool built_twice = false;
};

/// State of the one run that this process makes.
struct Run {
    bool suspending = false;
    std::coroutine_handle<> pending;  // the await that waits for its resumption
    std::set<const void*> live;       // every Tracked that is alive now
    Faults faults;
};

inline Run run;

/// A value that notices double destruction, use after destruction, and leaks.
class Tracked final {
public:
    explicit Tracked(int value) : value_(value) { enter(); }
    Tracked(const Tracked& other) : value_(other.value()) { enter(); }
    Tracked(Tracked&& other) noexcept : value_(std::exchange(other.checked(), -1)) { enter(); }
    Tracked& operator=(const Tracked&) = delete;
    Tracked& operator=(Tracked&&) = delete;

    ~Tracked() {
        if (run.live.erase(this) == 0) run.faults.double_destroy = true;
        value_ = -2;
    }

    [[nodiscard]] int value() const {
        if (!run.live.contains(this)) run.faults.use_after_destroy = true;
        return value_;
    }

private:
    int& checked() {
        if (!run.live.contains(this)) run.faults.use_after_destroy = true;
        return value_;
    }

    void enter() {
        if (!run.live.insert(this).second) run.faults.built_twice = true;
    }

    int value_;
};

/// The leaf await: ready or not as the run wants, and `T(value)` in the end.
template <typename T>
class [[nodiscard]] Give final {
public:
    explicit Give(int value) noexcept : value_(value) {}
    Give(const Give&) = delete;
    Give& operator=(const Give&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return !run.suspending; }
    void await_suspend(std::coroutine_handle<> job) noexcept { run.pending = job; }
    T await_resume() const { return T(value_); }

private:
    int value_;
};

/// `co_await` of it is one suspension point and nothing else.
inline Give<int> pause() { return Give<int>(0); }

/// The smallest lazy task with symmetric transfer.
template <typename T>
class [[nodiscard]] Task final {
public:
    class promise_type;
    class Awaiter;
    using Handle = std::coroutine_handle<promise_type>;

    explicit Task(Handle frame) noexcept : frame_(frame) {}
    Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (frame_) frame_.destroy();
    }

    [[nodiscard]] bool done() const { return frame_.done(); }
    void start() { frame_.resume(); }
    T result() { return frame_.promise().take(); }

    Awaiter operator co_await() && noexcept { return Awaiter(frame_); }

private:
    Handle frame_;
};

template <typename T>
class Task<T>::promise_type {
public:
    struct Final {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(Handle frame) noexcept {
            const std::coroutine_handle<> next = frame.promise().continuation;
            return next ? next : std::noop_coroutine();
        }
        void await_resume() const noexcept {}
    };

    Task get_return_object() noexcept { return Task(Handle::from_promise(*this)); }
    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    [[nodiscard]] Final final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { error_ = std::current_exception(); }
    void return_value(T value) { value_.emplace(std::move(value)); }

    T take() {
        if (error_) std::rethrow_exception(error_);
        return std::move(value_).value();
    }

    std::coroutine_handle<> continuation;

private:
    std::optional<T> value_;
    std::exception_ptr error_;
};

template <typename T>
class [[nodiscard]] Task<T>::Awaiter final {
public:
    explicit Awaiter(Handle frame) noexcept : frame_(frame) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    Handle await_suspend(std::coroutine_handle<> caller) noexcept {
        frame_.promise().continuation = caller;
        return frame_;
    }
    T await_resume() { return frame_.promise().take(); }

private:
    Handle frame_;
};

/// One pattern under test; defining it registers it.
struct Case {
    Case(Expect expected,
         const char* notes_section,
         const char* case_name,
         int result,
         Task<int> (*body)())
        : expect(expected), fault(notes_section), name(case_name), value(result), make(body) {
        all().push_back(this);
    }

    static std::vector<const Case*>& all() {
        static std::vector<const Case*> cases;
        return cases;
    }

    Expect expect;
    const char* fault;
    const char* name;
    int value;
    Task<int> (*make)();
};

}  // namespace canary

/// Opens the body of a case: a coroutine that must `co_return` `value`.
#define CANARY_CASE(expect, fault, name, value)                                                   \
    static ::canary::Task<int> name();                                                            \
    static const ::canary::Case name##_case(::canary::Expect::expect, fault, #name, value, name); \
    static ::canary::Task<int> name()
