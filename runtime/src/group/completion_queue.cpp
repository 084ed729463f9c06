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
        line_.push_back(job);
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
    if (line_.empty()) {
        return {};
    }
    --ended_;
    return JobRef<Job>::adopt(line_.pop_front());
}

void CompletionQueue::put_back(JobRef<Job> job) noexcept {
    if (QueuedWaiter* waiter = waiting_.pop_front()) {
        static_cast<Next*>(waiter)->job_ = std::move(job);
        waiter->commit();
        return;
    }
    job->retain();
    line_.push_front(*job);
    ++ended_;
}

void CompletionQueue::wake_if_exhausted() noexcept {
    if (expected_ == 0) {
        waiting_.wake_all();  // they come back with nothing
    }
}

}  // namespace eddy::inline v0_1::detail
