// SPDX-License-Identifier: MIT
#include <eddy/detail/completion_queue.hpp>

#include <utility>

namespace eddy::inline v0_1::detail {

CompletionQueue::~CompletionQueue() {
    while (pop()) {
    }
}

void CompletionQueue::push(Job& job) noexcept {
    --expected_;
    if (QueuedWaiter* waiter = waiting_.pop_front()) {
        static_cast<Next*>(waiter)->job_ = JobRef<Job>(job);
        waiter->commit();
    } else {
        job.retain();
        job.ready_next = nullptr;
        if (last_ != nullptr) {
            last_->ready_next = &job;
        } else {
            first_ = &job;
        }
        last_ = &job;
        ++ended_;
    }
    wake_if_exhausted();
}

void CompletionQueue::skip() noexcept {
    --expected_;
    wake_if_exhausted();
}

void CompletionQueue::stop() noexcept {
    expected_ = 0;
    wake_if_exhausted();
}

JobRef<Job> CompletionQueue::pop() noexcept {
    if (first_ == nullptr) {
        return {};
    }
    Job& job = *std::exchange(first_, first_->ready_next);
    if (first_ == nullptr) {
        last_ = nullptr;
    }
    --ended_;
    return JobRef<Job>::adopt(job);
}

void CompletionQueue::put_back(JobRef<Job> job) noexcept {
    if (QueuedWaiter* waiter = waiting_.pop_front()) {
        static_cast<Next*>(waiter)->job_ = std::move(job);
        waiter->commit();
        return;
    }
    job->retain();
    job->ready_next = std::exchange(first_, job.get());
    if (last_ == nullptr) {
        last_ = first_;
    }
    ++ended_;
}

void CompletionQueue::wake_if_exhausted() noexcept {
    if (expected_ == 0) {
        waiting_.wake_all();  // they come back with nothing
    }
}

}  // namespace eddy::inline v0_1::detail
