// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <thread>

#include "explore.hpp"

/// How a loop is woken and polls, step by step as libuv 1.44 does it with a `uv_async_t`: whoever
/// finds the handle pending leaves the bell alone, so that wake-ups coalesce.
class Poll {
public:
    Poll() = default;
    Poll(const Poll&) = delete;
    Poll& operator=(const Poll&) = delete;

    /// Any thread, until `close`.
    static void wake(void* self) noexcept { static_cast<Poll*>(self)->send(); }

    /// The loop's: blocks until somebody has called `wake` since the last return.
    void wait() {
        do {
            bell_.wait();
        } while (!answered());
    }
    void close() {
        explore::check(!closed_, "closed once");
        closed_ = true;
    }
    [[nodiscard]] unsigned woken() const noexcept { return bell_.rung(); }

private:
    void send() noexcept {
        explore::check(!closed_, "nobody wakes a loop whose handle is closed");
        if (pending_.load(std::memory_order_relaxed) != 0) {
            return;
        }
        int idle = 0;
        if (!pending_.compare_exchange_strong(idle, 1)) {
            return;
        }
        bell_.ring();
        int busy = 1;
        explore::check(pending_.compare_exchange_strong(busy, 2), "only the sender leaves 1");
    }
    [[nodiscard]] bool answered() noexcept {
        while (true) {
            int done = 2;
            if (pending_.compare_exchange_strong(done, 0)) {
                return true;
            }
            if (done == 0) {
                return false;
            }
            std::this_thread::yield();
        }
    }

    explore::Doorbell bell_;
    std::atomic<int> pending_{0};
    bool closed_ = false;
};
