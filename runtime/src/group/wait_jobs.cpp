// SPDX-License-Identifier: MIT
#include <eddy/wait_jobs.hpp>

#include <utility>

#include <eddy/job_info.hpp>

namespace eddy::inline v0_1 {

using detail::WaiterAccess;

WaitJobs::WaitJobs(Slots jobs, WaitUntil until) noexcept : jobs_(std::move(jobs)), until_(until) {}

void WaitJobs::count(const detail::Job& ended) noexcept {
    --running_;
    one_failed_ = one_failed_ || ended.state == JobState::failed;
}

bool WaitJobs::enough() const noexcept {
    return running_ == 0 || (until_ == WaitUntil::first_completed && running_ != jobs_.size()) ||
           (until_ == WaitUntil::first_failure && one_failed_);
}

bool WaitJobs::try_now() {
    running_ = jobs_.size();
    one_failed_ = false;
    for (const auto& job : jobs_) {
        detail::JobWait& op = **job;
        const bool ended = op.try_now();
        if (ended) {
            count(op.target());
        }
    }
    return enough();
}

void WaitJobs::start() noexcept {
    for (const auto& job : jobs_) {
        detail::JobWait& op = **job;
        if (!op.target().ended) {
            WaiterAccess::job(op) = WaiterAccess::job(*this);
            WaiterAccess::owner(op) = this;
            WaiterAccess::state(op) = WaiterAccess::State::queued;
            op.start();
        }
    }
}

void WaitJobs::committed(Waiter& operation, bool willing) noexcept {
    static_cast<void>(willing);
    WaiterAccess::state(operation) = WaiterAccess::State::done;
    WaiterAccess::owner(operation) = nullptr;
    count(static_cast<detail::JobWait&>(operation).target());
    if (enough()) {
        unlink();
        commit();
    }
}

void WaitJobs::unlink() noexcept {
    for (const auto& job : jobs_) {
        detail::JobWait& op = **job;
        if (WaiterAccess::owner(op) == this) {
            WaiterAccess::state(op) = WaiterAccess::State::done;
            WaiterAccess::owner(op) = nullptr;
            WaiterAccess::unlink(op);
        }
    }
}

WaitedJobs WaitJobs::take() {
    std::vector<std::size_t> done;
    std::vector<std::size_t> pending;
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
        (**jobs_[i]).target().ended ? done.push_back(i) : pending.push_back(i);
    }
    return {std::move(done), std::move(pending)};
}

}  // namespace eddy::inline v0_1
