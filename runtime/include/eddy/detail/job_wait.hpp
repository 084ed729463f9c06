// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

/// A handle goes: a failure that nobody has seen is reported now.
EDDY_API void drop_handle(Job& job) noexcept;

/// Waits for the end of a job.
class EDDY_API JobWait : public QueuedWaiter {
public:
    explicit JobWait(JobRef<Job> job) noexcept : job_(std::move(job)) {}
    ~JobWait() override { drop_handle(*job_); }  // it may be the last one to know the job

    /// Throws: `InvalidState` when a job waits for itself, or through an empty handle.
    [[nodiscard]] bool try_now();
    void start() noexcept;
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "a job's end"; }
    [[nodiscard]] const Job& target() const noexcept { return *job_; }

protected:
    JobRef<Job> job_;  // the handle may be gone before the wait ends
};

/// Waits and takes the result.
template <class T>
class JobJoin final : public JobWait {
public:
    using JobWait::JobWait;
    T take() { return take_result(static_cast<JobOf<T>&>(*job_)); }
};

}  // namespace eddy::inline v0_1::detail
