// SPDX-License-Identifier: MIT
#pragma once

namespace eddy::detail {

/// How a test watches and disturbs the threads of a pool. Called with the pool's lock held.
class ThreadPoolHooks {
public:
    /// A thread is about to be started. Throws: `std::system_error`, as if the start had failed.
    virtual void starting_thread() {}
    /// A thread has found nothing to do for the idle timeout and ends.
    virtual void idle_thread_ends() noexcept {}

protected:
    ~ThreadPoolHooks() = default;
};

}  // namespace eddy::detail
