// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include <eddy/detail/export.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1::detail {

/// A worker is about to wait for a loop: while this lives, its pool may run one more thread, so
/// that what the loop offloads meanwhile does not wait for a worker that waits for the loop.
///
/// When no thread can be started, whoever waits here is all that the pool has: it looks, now and
/// then, after what is queued. On other threads nothing of that happens.
class EDDY_API BlockingRegion final {
public:
    BlockingRegion() noexcept;
    BlockingRegion(const BlockingRegion&) = delete;
    BlockingRegion& operator=(const BlockingRegion&) = delete;
    ~BlockingRegion();

    /// `changed.wait(lock, done)`. The pool is looked after without the lock.
    template <class Done>
    void wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Done done) {
        while (pool_ != nullptr && !changed.wait_for(lock, pause_, done)) {
            look(lock);
        }
        changed.wait(lock, done);
    }
    /// The same until a stop is requested: then false, if `done` is not.
    template <class Lock, class Done>
    bool wait(std::condition_variable_any& changed,
              Lock& lock,
              const std::stop_token& stop,
              Done done) {
        while (pool_ != nullptr && !changed.wait_for(lock, stop, pause_, done) &&
               !stop.stop_requested()) {
            look(lock);
        }
        return changed.wait(lock, stop, done);
    }

private:
    template <class Lock>
    void look(Lock& lock) {
        lock.unlock();
        look_after_pool();
        lock.lock();
    }
    void look_after_pool() noexcept;

    void* pool_;
    Duration pause_{};
};

/// Throws `InvalidState` on a thread that runs a loop: `what` would block it.
EDDY_API void require_off_loop(const char* what);

}  // namespace eddy::inline v0_1::detail
