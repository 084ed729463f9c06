// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/detail/job_line.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

/// Jobs that have ended, in that order, and those who wait for the next one to end.
///
/// Allocates nothing: ended jobs are in a line, each with a reference.
///
/// Invariant: while somebody waits, no ended job is kept here, and one is expected.
class EDDY_API CompletionQueue final {
public:
    class Next;

    CompletionQueue() = default;
    CompletionQueue(const CompletionQueue&) = delete;
    CompletionQueue& operator=(const CompletionQueue&) = delete;
    ~CompletionQueue();

    /// Jobs that are expected to end, and those that have and were not taken.
    [[nodiscard]] std::size_t size() const noexcept { return expected_ + ended_; }
    [[nodiscard]] bool exhausted() const noexcept { return size() == 0; }
    [[nodiscard]] bool awaited() const noexcept { return !waiting_.empty(); }

    /// One more job will end.
    void expect() noexcept { ++expected_; }
    /// An expected job has ended: the longest waiter gets it.
    void push(Job& job) noexcept;
    /// An expected job has ended that nobody is to hear of.
    void skip() noexcept;
    /// Nothing more is expected, whatever still runs.
    void stop() noexcept;

    /// The first that ended, or null.
    [[nodiscard]] JobRef<Job> pop() noexcept;

    /// Waits for the next job to end; null when none is left and none is expected.
    [[nodiscard]] Next next() noexcept;

private:
    void put_back(JobRef<Job> job) noexcept;
    void wake_if_exhausted() noexcept;

    JobLine line_;
    std::size_t ended_ = 0;
    std::size_t expected_ = 0;
    WaitQueue waiting_;
};

class CompletionQueue::Next : public QueuedWaiter {
public:
    explicit Next(CompletionQueue& queue) noexcept : queue_(queue) {}

    [[nodiscard]] bool try_now() noexcept {
        job_ = queue_.pop();
        return job_ || queue_.expected_ == 0;
    }
    void start() noexcept { queue_.waiting_.push_back(*this); }
    [[nodiscard]] JobRef<Job> take() noexcept { return std::move(job_); }
    [[nodiscard]] const char* what() const noexcept override { return "the next job's end"; }

private:
    friend class CompletionQueue;
    void pass_on() noexcept override {
        if (job_) {
            queue_.put_back(std::move(job_));
        }
    }

    CompletionQueue& queue_;
    JobRef<Job> job_;
};

inline CompletionQueue::Next CompletionQueue::next() noexcept { return Next(*this); }

}  // namespace eddy::inline v0_1::detail
