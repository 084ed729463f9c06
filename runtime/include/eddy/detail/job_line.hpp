// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/job.hpp>

namespace eddy::inline v0_1::detail {

/// Jobs in a line, first in, first out, linked through `Job::ready_next`: so a job is in one line
/// at a time, while it is ready, or after its end. It owns none of them.
///
/// Cost: every operation is constant; nothing allocates.
class EDDY_VISIBLE JobLine final {
public:
    class Iterator;

    JobLine() noexcept = default;
    JobLine(const JobLine&) = delete;
    JobLine& operator=(const JobLine&) = delete;

    [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
    /// Requires: not empty.
    [[nodiscard]] Job& front() const noexcept { return *head_; }

    void push_back(Job& job) noexcept {
        job.ready_next = nullptr;
        Job* const last = std::exchange(tail_, &job);
        if (head_ != nullptr) {
            last->ready_next = &job;
            return;
        }
        head_ = &job;
    }
    void push_front(Job& job) noexcept {
        job.ready_next = head_;
        if (head_ == nullptr) {
            tail_ = &job;
        }
        head_ = &job;
    }
    /// Requires: not empty.
    [[nodiscard]] Job& pop_front() noexcept {
        Job& job = *head_;
        head_ = job.ready_next;
        return job;
    }
    /// Forgets everybody.
    void clear() noexcept { head_ = nullptr; }

    [[nodiscard]] Iterator begin() const noexcept;
    [[nodiscard]] Iterator end() const noexcept;

private:
    Job* head_ = nullptr;
    Job* tail_ = nullptr;  // of no meaning when head_ is null
};

class JobLine::Iterator final {
public:
    explicit Iterator(Job* job) noexcept : job_(job) {}

    [[nodiscard]] Job& operator*() const noexcept { return *job_; }
    Iterator& operator++() noexcept {
        job_ = job_->ready_next;
        return *this;
    }
    [[nodiscard]] bool operator==(const Iterator&) const noexcept = default;

private:
    Job* job_;
};

inline JobLine::Iterator JobLine::begin() const noexcept { return Iterator(head_); }
inline JobLine::Iterator JobLine::end() const noexcept { return Iterator(nullptr); }

}  // namespace eddy::inline v0_1::detail
