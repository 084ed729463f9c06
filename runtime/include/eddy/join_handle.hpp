// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <utility>

#include <eddy/cancel_handle.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/detail/job_wait.hpp>
#include <eddy/job_info.hpp>
#include <eddy/loop_bound.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// A handle that must be on its job's thread goes; otherwise aborts.
EDDY_API void drop_handle(Job& job, const LoopBound& bound) noexcept;

EDDY_API void cancel_job(Job& job, std::string_view reason);
[[nodiscard]] EDDY_API CancelHandle make_cancel_handle(Job& job);
[[nodiscard]] EDDY_API Job& checked(Job* job);

}  // namespace detail

/// A job that was spawned: wait for it, take its result, cancel it, or detach it.
///
///     JoinHandle<int> handle = spawn(compute());
///     const int value = co_await handle;  // throws what the job threw
///
/// Any number of jobs may `wait`; the result is handed out once. Dropping the handle detaches: the
/// job goes on, and if it fails with nobody to collect that, the failure is reported.
///
/// Throws:       awaiting: what the job threw; `JobCancelled` when somebody else cancelled it;
///               `InvalidState` for an empty handle, for oneself, or when the result is gone;
///               everything: `WrongThread` off the job's thread.
/// Cancellation: cancelling the waiting job does not cancel the awaited one.
/// Threading:    the thread the job was spawned on, also after its loop. While that loop runs, the
///               destructor of a handle that is not empty aborts on any other thread. Other threads
///               cancel through a `cancel_handle`.
/// Lifetime:     may outlive the loop.
template <class T>
class EDDY_VISIBLE JoinHandle final {
public:
    JoinHandle() noexcept = default;
    explicit JoinHandle(detail::JobRef<detail::JobOf<T>> job) noexcept : job_(std::move(job)) {}
    JoinHandle(JoinHandle&& other) noexcept = default;
    JoinHandle& operator=(JoinHandle&& other) noexcept {
        std::swap(job_, other.job_);
        std::swap(bound_, other.bound_);
        return *this;
    }
    ~JoinHandle() { detach(); }

    /// False for a handle that was moved from or detached.
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(job_); }
    [[nodiscard]] JobId id() const { return job("JoinHandle::id").id; }
    [[nodiscard]] std::string_view name() const { return job("JoinHandle::name").name(); }
    [[nodiscard]] JobState state() const { return job("JoinHandle::state").info().state; }
    [[nodiscard]] bool done() const { return job("JoinHandle::done").ended; }
    [[nodiscard]] JobInfo info() const { return job("JoinHandle::info").info(); }

    /// Cancels the job's own scope: it unwinds at its next checkpoint. Does nothing to a job that
    /// has ended; may be repeated.
    void cancel(std::string_view reason = {}) {
        detail::cancel_job(job("JoinHandle::cancel (others have a cancel_handle())"), reason);
    }

    /// A handle that cancels the job from any thread, and does no harm when the job is gone. This
    /// call itself belongs on the job's thread.
    [[nodiscard]] CancelHandle cancel_handle() {
        return detail::make_cancel_handle(job("JoinHandle::cancel_handle"));
    }

    /// Empties the handle; what its destructor does. The job goes on.
    void detach() noexcept {
        if (job_) {
            detail::drop_handle(*job_, bound_);
            job_ = {};
        }
    }

    /// Waits for the end, whatever it is; never throws for the job's outcome.
    [[nodiscard]] detail::JobWait wait() const {
        return detail::JobWait(detail::JobRef<detail::Job>(job("JoinHandle::wait")));
    }

    /// `co_await handle`: the result.
    [[nodiscard]] detail::JobJoin<T> operator co_await() const {
        return detail::JobJoin<T>(detail::JobRef<detail::Job>(job("JoinHandle")));
    }

private:
    [[nodiscard]] detail::Job& job(const char* what) const {
        detail::Job& known = detail::checked(job_.get());
        bound_.check(what);
        return known;
    }

    detail::JobRef<detail::JobOf<T>> job_;
    LoopBound bound_;  // where it was spawned; not in the job, whose bytes are counted
};

}  // namespace eddy::inline v0_1
