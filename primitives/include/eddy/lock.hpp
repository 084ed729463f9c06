// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/lock_core.hpp>
#include <eddy/job_info.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/require.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

class LockGuard;

struct EDDY_VISIBLE LockStatistics {
    bool locked = false;
    JobId owner = 0;         ///< 0 also while code outside of jobs holds it
    std::string owner_name;  ///< also after that job has ended
    std::size_t waiters = 0;
};

namespace detail {
[[nodiscard]] EDDY_API LockStatistics statistics_of(const LockCore& core);
}

/// One at a time: what a job does while it holds the guard, no other job does.
///
/// Needed where a job awaits in the middle of a change that others must not see half done; between
/// two awaits nobody interferes anyway. For several at a time see `Semaphore`, for one lock per
/// name `KeyedLock`, for many readers `RwLock`, to wait for a state under the lock `Condition`.
///
///     Lock lock;
///     const auto guard = co_await lock.acquire();
///     ...                                            // held until guard goes
///
/// The guard is the capability and the only way to release. It may move to another job, into an
/// object, or out of a job as its result; the lock stays held as long as it lives. To assign a new
/// one, `guard = co_await lock.acquire()`, waits first and releases then: not for the same lock.
///
/// Throws:   `InvalidState` when the owner asks again: it would wait for itself.
/// Order:    first come, first served. The lock passes to the longest waiter inside the release: no
///           newcomer gets in between, and `statistics` names the new owner at once.
/// Lifetime: a lock outlives its guards and waiters.
/// Cost:     40 bytes; a few ns for a free lock, one ready job for a contended one.
class EDDY_API Lock final {
public:
    class Acquire;

    Lock() = default;
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock();

    [[nodiscard]] bool locked() const;
    [[nodiscard]] LockStatistics statistics() const;

    /// The lock if it is free, and nothing if it would have to wait. Also outside of jobs.
    [[nodiscard]] std::optional<LockGuard> try_acquire();

    /// Waits for the lock. Cancellation: the job leaves the queue; nobody else can tell.
    [[nodiscard]] Acquire acquire();

private:
    friend class LockGuard;
    friend class Condition;

    LoopBound bound_;
    detail::LockCore core_;
};

/// Holds a `Lock`; its end releases it, in whatever job that is.
class [[nodiscard]] EDDY_API LockGuard final {
public:
    LockGuard(LockGuard&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
    /// Releases first what this one holds. Requires: no `Condition` waits with it.
    LockGuard& operator=(LockGuard&& other) noexcept {
        if (this != &other) {
            drop();
            lock_ = std::exchange(other.lock_, nullptr);
        }
        return *this;
    }
    ~LockGuard() { drop(); }

    /// True while it holds a lock: not after a move or `release`, nor while its `Condition` waits.
    [[nodiscard]] explicit operator bool() const noexcept { return lock_ != nullptr; }
    [[nodiscard]] bool holds(const Lock& lock) const noexcept { return lock_ == &lock; }

    /// Makes the calling job the owner, after the guard has come from another one.
    ///
    /// Throws: `InvalidState` if it holds nothing.
    void adopt();

    /// Releases early. Throws: `InvalidState` if it holds nothing.
    void release();

private:
    friend class Lock;
    friend class Condition;

    explicit LockGuard(Lock& lock) noexcept : lock_(&lock) {}
    [[nodiscard]] Lock& require(const char* what) const;

    void drop() noexcept {
        if (lock_ != nullptr) {
            EDDY_REQUIRE(lock_->bound_.here(),
                         "a LockGuard was dropped on another thread than its lock's loop: move it "
                         "back with LoopHandle::post first");
            std::exchange(lock_, nullptr)->core_.release();
        }
    }

    Lock* lock_;
};

class Lock::Acquire final : public QueuedWaiter {
public:
    explicit Acquire(Lock& lock) noexcept : lock_(lock) {}

    [[nodiscard]] bool try_now() {
        lock_.bound_.check("Lock::acquire");
        return lock_.core_.try_acquire("Lock::acquire");
    }
    void start() noexcept { lock_.core_.enqueue(*this); }
    [[nodiscard]] LockGuard take() const noexcept { return LockGuard(lock_); }
    [[nodiscard]] const char* what() const noexcept override { return "Lock::acquire"; }

private:
    void pass_on() noexcept override { lock_.core_.release(); }

    Lock& lock_;
};

inline Lock::Acquire Lock::acquire() { return Acquire(*this); }

}  // namespace eddy::inline v0_1
