// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <semaphore>
#include <thread>

#include <eddy/task.hpp>
#include <eddy/yield.hpp>

/// What the tests of the executor hold workers with: no sleeps.
namespace eddy::testing {

/// A call that says when it runs, and runs until it is let go.
class HeldCall final {
public:
    /// For the worker.
    int operator()() {
        worker = std::this_thread::get_id();
        ++runs;
        started_.release();
        released_.acquire();
        return 42;
    }

    /// For the loop thread: blocks it until the worker is there.
    void wait_until_it_runs() { started_.acquire(); }
    void let_go() { released_.release(); }

    std::atomic<int> runs{0};
    std::thread::id worker;

private:
    std::binary_semaphore started_{0};
    std::binary_semaphore released_{0};
};

/// Lets ready jobs come to their waits.
inline Task<> rounds() {
    for (int i = 0; i < 4; ++i) {
        co_await yield();
    }
}

/// Lets the loop turn until `condition` holds: for what other threads do.
template <class F>
Task<> until(F condition) {
    while (!condition()) {
        co_await yield();
    }
}

/// Counts its living copies, for "destroyed exactly once, and where".
class Tracked final {
public:
    struct Log {
        std::atomic<int> alive{0};
        std::atomic<int> destroyed_on_worker{0};
        std::thread::id loop = std::this_thread::get_id();
    };

    explicit Tracked(Log& log) noexcept : log_(&log) { ++log_->alive; }
    Tracked(const Tracked& other) noexcept : Tracked(*other.log_) {}
    Tracked& operator=(const Tracked&) = delete;
    ~Tracked() {
        if (std::this_thread::get_id() != log_->loop) {
            ++log_->destroyed_on_worker;
        }
        --log_->alive;
    }

private:
    Log* log_;
};

}  // namespace eddy::testing
