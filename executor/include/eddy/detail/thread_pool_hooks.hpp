// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

#include <eddy/time.hpp>

namespace eddy::inline v0_1::detail {

/// How a test watches and disturbs the threads of a pool. Called with the pool's lock held.
class ThreadPoolHooks {
public:
    /// A thread is about to be started. Throws: `std::system_error`, as if the start had failed.
    virtual void starting_thread() {}
    /// A thread has found nothing to do and is about to sleep: what is submitted now, without the
    /// lock, is there before it does.
    virtual void thread_goes_to_sleep() noexcept {}
    /// A thread has found nothing to do for the idle timeout and ends.
    virtual void idle_thread_ends() noexcept {}
    /// How long calls stay queued while all threads wait for loops and no other can be started.
    /// Asked once.
    [[nodiscard]] virtual Duration patience() const noexcept { return std::chrono::seconds(1); }

protected:
    ~ThreadPoolHooks() = default;
};

}  // namespace eddy::inline v0_1::detail
