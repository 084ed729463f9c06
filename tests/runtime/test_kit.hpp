// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/wait_queue.hpp>
#include <eddy/yield.hpp>

/// What the tests of the core need: a lock made of nothing but `WaitQueue`, and ways to say
/// how something ended.

namespace eddy::testing {

/// A lock that is handed over: the smallest primitive whose grant can get lost.
class HandOffLock final {
public:
    class Guard final {
    public:
        explicit Guard(HandOffLock& lock) noexcept : lock_(&lock) {}
        Guard(Guard&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
        Guard& operator=(Guard&&) = delete;
        ~Guard() {
            if (lock_ != nullptr) {
                lock_->release();
            }
        }

    private:
        HandOffLock* lock_;
    };

    class Wait final : public QueuedWaiter {
    public:
        explicit Wait(HandOffLock& lock) noexcept : lock_(lock) {}
        [[nodiscard]] bool try_now() const noexcept {
            return lock_.waiting_.empty() && !std::exchange(lock_.held_, true);
        }
        void start() noexcept { lock_.waiting_.push_back(*this); }
        [[nodiscard]] Guard take() const noexcept { return Guard(lock_); }
        [[nodiscard]] const char* what() const noexcept override { return "HandOffLock"; }

    private:
        void pass_on() noexcept override { lock_.release(); }
        HandOffLock& lock_;
    };

    [[nodiscard]] Wait acquire() noexcept { return Wait(*this); }
    [[nodiscard]] bool held() const noexcept { return held_; }
    [[nodiscard]] std::size_t waiters() const noexcept { return waiting_.size(); }

private:
    void release() noexcept { held_ = waiting_.wake_one(); }

    bool held_ = false;
    WaitQueue waiting_;
};

/// Lets every ready job run, in any order, for some rounds; sleepers sleep on, nothing settles.
inline Task<> let_run(int rounds = 3) {
    for (int i = 0; i < rounds; ++i) {
        co_await yield();
    }
}

/// How a task ended: null for normally.
template <class T>
Task<std::exception_ptr> error_of(Task<T> task) {
    std::exception_ptr error;
    try {
        static_cast<void>(co_await std::move(task));
    } catch (...) {
        error = std::current_exception();
    }
    co_return error;
}

template <class E>
[[nodiscard]] bool holds(const std::exception_ptr& error) {
    try {
        if (error) {
            std::rethrow_exception(error);
        }
    } catch (const E&) {
        return true;
    } catch (...) {
    }
    return false;
}

/// The exception itself. Requires that it is one.
template <class E>
[[nodiscard]] E as(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const E& found) {
        return found;
    }
}

/// Writes down in `out` whether the task ended by `Cancelled`, and lets that pass.
template <class T>
Task<T> note_cancelled(Task<T> task, bool& out) {
    try {
        co_return co_await std::move(task);
    } catch (const Cancelled&) {
        out = true;
        throw;
    }
}

}  // namespace eddy::testing
