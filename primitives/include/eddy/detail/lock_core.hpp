// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

#include <eddy/detail/export.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/detail/job_name.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/job_info.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

/// Who holds something: a job, or code that runs outside any job (a callback, `main`).
class LockOwner final {
public:
    [[nodiscard]] bool held() const noexcept { return id_ != 0; }
    /// True for the job that runs now. Code outside of jobs owns nothing: it cannot wait either.
    [[nodiscard]] bool is_this_job() const noexcept {
        const Job* job = thread_state.job;
        return job != nullptr && id_ == job->id;
    }
    /// True for what runs now, job or not.
    [[nodiscard]] bool is_caller() const noexcept {
        return held() && id_ == id_of(thread_state.job);
    }

    void set(const Job* job) noexcept {
        id_ = id_of(job);
        if (job != nullptr && job->extras != nullptr) [[unlikely]] {
            name_ = job->extras->name;
        } else {
            forget_name();
        }
    }
    void clear() noexcept {
        id_ = 0;
        forget_name();
    }

    /// 0 when nobody holds it, or no job does.
    [[nodiscard]] JobId id() const noexcept { return id_ == outside ? 0 : id_; }
    [[nodiscard]] std::string_view name() const noexcept { return name_.view(); }

private:
    static constexpr JobId outside = ~JobId{0};

    [[nodiscard]] static JobId id_of(const Job* job) noexcept {
        return job != nullptr ? job->id : outside;
    }
    void forget_name() noexcept {
        if (name_) [[unlikely]] {
            name_ = JobName();
        }
    }

    JobId id_ = 0;
    JobName name_;  // shared with the job, so that it outlives it
};

/// The job of a waiter that is queued.
[[nodiscard]] EDDY_API const Job* job_of(QueuedWaiter& waiter) noexcept;

/// The lock inside `Lock` and inside each entry of a `KeyedLock`: an owner and a queue.
///
/// Invariant: a free lock has no waiters, because `release` hands it to the first of them.
class EDDY_API LockCore final {
public:
    LockCore() = default;
    LockCore(const LockCore&) = delete;
    LockCore& operator=(const LockCore&) = delete;

    [[nodiscard]] bool held() const noexcept { return owner_.held(); }
    [[nodiscard]] const LockOwner& owner() const noexcept { return owner_; }
    [[nodiscard]] std::size_t waiters() const noexcept { return waiting_.size(); }
    [[nodiscard]] bool has_waiters() const noexcept { return !waiting_.empty(); }

    /// False if somebody holds it.
    [[nodiscard]] bool try_take(const Job* job) noexcept {
        if (owner_.held()) {
            return false;
        }
        owner_.set(job);
        return true;
    }

    /// The same for the one who runs now. Throws: `InvalidState` if that is the owner.
    [[nodiscard]] bool try_acquire(const char* what) {
        if (!owner_.held()) [[likely]] {
            owner_.set(thread_state.job);
            return true;
        }
        if (owner_.is_this_job()) [[unlikely]] {
            refuse_owner(what);
        }
        return false;
    }

    /// Makes what runs now the owner.
    void adopt() noexcept { owner_.set(thread_state.job); }

    /// At the end of the queue; commits it at once in the rare case that the lock is free.
    void enqueue(QueuedWaiter& waiter) noexcept;

    /// Hands the lock to the longest waiter, or frees it. True: it is free.
    bool release() noexcept {
        if (waiting_.empty()) [[likely]] {
            owner_.clear();
            return true;
        }
        hand_over();
        return false;
    }

    /// Throw `InvalidState`, in the name of `what`.
    [[noreturn]] static void refuse_owner(const char* what);
    [[noreturn]] static void refuse_empty_guard(const char* what);

private:
    void hand_over() noexcept;

    LockOwner owner_;
    WaitQueue waiting_;
};

}  // namespace eddy::inline v0_1::detail
