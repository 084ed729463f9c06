// SPDX-License-Identifier: MIT
// Exceptions and destruction. g++ 12 frees the frame twice when the start of a
// coroutine (`initial_suspend`) throws and its return object owns the frame.

#include <cstddef>
#include <new>
#include <string>

#include "harness.hpp"

namespace canary {
namespace {

enum class Place { nowhere, promise, return_object, initial, ready, resume, body };
enum class Escape { no, yes };

/// Throws at the place `where` while it starts; an exception that reaches
/// `unhandled_exception` escapes to the caller or is dropped.
template <Place where, Escape escape>
class Starting final {
public:
    class promise_type;
    using Handle = std::coroutine_handle<promise_type>;

    explicit Starting(Handle frame) noexcept : frame_(frame) {}
    Starting(const Starting&) = delete;
    Starting& operator=(const Starting&) = delete;
    ~Starting() {
        if (frame_) frame_.destroy();
    }

private:
    Handle frame_;
};

template <Place where, Escape escape>
class Starting<where, escape>::promise_type {
public:
    struct Initial {
        [[nodiscard]] bool await_ready() const {
            if (where == Place::ready) throw 1;
            return true;
        }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        void await_resume() const {
            if (where == Place::resume) throw 1;
        }
    };

    promise_type() {
        if (where == Place::promise) throw 1;
    }
    Starting get_return_object() {
        if (where == Place::return_object) throw 1;
        return Starting(Handle::from_promise(*this));
    }
    [[nodiscard]] Initial initial_suspend() const {
        if (where == Place::initial) throw 1;
        return {};
    }
    [[nodiscard]] std::suspend_always final_suspend() const noexcept { return {}; }
    void unhandled_exception() {
        if (escape == Escape::yes) throw;
    }
    void return_void() noexcept {}
};

template <Place where, Escape escape>
Starting<where, escape> start(Tracked) {
    if (where == Place::body) throw 1;
    co_return;
}

template <Place where, Escape escape = Escape::no>
int start_and_catch() {
    constexpr bool dropped = where == Place::resume || where == Place::body;
    constexpr bool throws = where != Place::nowhere && (!dropped || escape == Escape::yes);
    try {
        const Starting<where, escape> started = start<where, escape>(Tracked(1));
        return throws ? 0 : 7;
    } catch (int) {
        return throws ? 7 : 0;
    }
}

CANARY_CASE(listed, "B5", throw_in_initial_suspend, 7) {
    co_return start_and_catch<Place::initial>();
}
CANARY_CASE(listed, "B5", throw_in_initial_await_ready, 7) {
    co_return start_and_catch<Place::ready>();
}
CANARY_CASE(listed, "B5", throw_in_initial_await_resume_escapes, 7) {
    co_return start_and_catch<Place::resume, Escape::yes>();
}
CANARY_CASE(listed, "B5", throw_in_eager_body_escapes, 7) {
    co_return start_and_catch<Place::body, Escape::yes>();
}
CANARY_CASE(required, "B5", throw_nowhere, 7) { co_return start_and_catch<Place::nowhere>(); }
CANARY_CASE(required, "B5", throw_in_promise_constructor, 7) {
    co_return start_and_catch<Place::promise>();
}
CANARY_CASE(required, "B5", throw_in_get_return_object, 7) {
    co_return start_and_catch<Place::return_object>();
}
CANARY_CASE(required, "B5", throw_in_initial_await_resume, 7) {
    co_return start_and_catch<Place::resume>();
}
CANARY_CASE(required, "B5", throw_in_eager_body, 7) { co_return start_and_catch<Place::body>(); }

// The rest. --------------------------------------------------------------------------

Task<int> fails(Tracked value) {
    const Tracked copy(value);
    co_await pause();
    throw copy.value();
}

CANARY_CASE(required, "B7", exception_through_await, 7) {
    const Tracked outer(1);
    int caught = 0;
    try {
        caught = co_await fails(Tracked(7));
    } catch (int error) {
        caught = error;
    }
    co_await pause();
    co_return caught;
}

CANARY_CASE(required, "B7", await_after_handler, 7) {
    std::exception_ptr error;
    for (int attempt = 0; attempt < 2; ++attempt) {
        const Tracked local(attempt);
        try {
            const int result = co_await fails(Tracked(7));
            co_return result;
        } catch (...) {
            error = std::current_exception();
        }
        co_await pause();
    }
    co_return error ? 7 : 0;
}

struct ThrowingAwaiter {
    explicit ThrowingAwaiter(Place place) : where(place), value(1) {}
    ThrowingAwaiter(const ThrowingAwaiter&) = delete;
    ThrowingAwaiter& operator=(const ThrowingAwaiter&) = delete;

    [[nodiscard]] bool await_ready() const {
        if (where == Place::ready) throw 7;
        return false;
    }
    void await_suspend(std::coroutine_handle<>) const { throw 7; }
    [[nodiscard]] int await_resume() const { return 0; }

    Place where;
    Tracked value;
};

CANARY_CASE(required, "B7", throw_in_await_ready, 7) {
    int caught = 0;
    try {
        caught = co_await ThrowingAwaiter(Place::ready);
    } catch (int error) {
        caught = error;
    }
    co_return caught;
}

CANARY_CASE(required, "B7", throw_in_await_suspend, 7) {
    int caught = 0;
    try {
        caught = co_await ThrowingAwaiter(Place::nowhere);
    } catch (int error) {
        caught = error;
    }
    co_return caught;
}

/// Destroys the frame that awaits it, from inside `await_suspend`.
struct Suicide {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) const noexcept { self.destroy(); }
    void await_resume() const noexcept {}
};

struct Detached {
    struct promise_type {
        Detached get_return_object() noexcept { return {}; }
        [[nodiscard]] std::suspend_never initial_suspend() const noexcept { return {}; }
        [[nodiscard]] std::suspend_never final_suspend() const noexcept { return {}; }
        void unhandled_exception() noexcept { std::terminate(); }
        void return_void() noexcept {}
    };
};

Detached destroys_itself(Tracked value) {
    const Tracked local(value);
    co_await Suicide();
}

CANARY_CASE(watched, "B7", frame_destroyed_in_await_suspend, 7) {
    destroys_itself(Tracked(1));
    co_return run.live.empty() ? 7 : 0;
}

/// A task whose frames come from `operator new` of the promise, sized both ways.
class Pooled final {
public:
    struct promise_type {
        static void* operator new(std::size_t size) {
            allocated += size;
            return ::operator new(size);
        }
        static void operator delete(void* frame, std::size_t size) noexcept {
            allocated -= size;
            ::operator delete(frame);
        }
        Pooled get_return_object() noexcept {
            return Pooled(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
        [[nodiscard]] std::suspend_always final_suspend() const noexcept { return {}; }
        void unhandled_exception() noexcept { std::terminate(); }
        void return_void() noexcept {}
    };

    explicit Pooled(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    Pooled(const Pooled&) = delete;
    Pooled& operator=(const Pooled&) = delete;
    ~Pooled() { frame_.destroy(); }
    void resume() { frame_.resume(); }

    static inline std::size_t allocated = 0;

private:
    std::coroutine_handle<promise_type> frame_;
};

Pooled pooled(Tracked value, std::string text) {
    const Tracked local(value);
    co_await std::suspend_always();
    text += 'x';
}

CANARY_CASE(required, "B7", sized_frame_allocation, 7) {
    {
        Pooled finished = pooled(Tracked(1), std::string(40, 'a'));
        finished.resume();
        Pooled unfinished = pooled(Tracked(1), std::string(40, 'a'));
        unfinished.resume();
        finished.resume();
    }
    co_return Pooled::allocated == 0 ? 7 : 0;
}

}  // namespace
}  // namespace canary
