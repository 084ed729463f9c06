// SPDX-License-Identifier: MIT
#include "core/abandoned_jobs.hpp"

#include <algorithm>
#include <new>

#include <eddy/detail/job.hpp>
#include <eddy/detail/log.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/dump_jobs.hpp>
#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>

namespace eddy::inline v0_1::detail {

namespace {

bool is_loop_closed(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const LoopClosed&) {
        return true;
    } catch (const ExceptionGroup& group) {
        const auto failures = group.exceptions();
        return !failures.empty() && std::all_of(failures.begin(), failures.end(), is_loop_closed);
    } catch (...) {
        return false;
    }
}

}  // namespace

AbandonedJobs::AbandonedJobs(LoopCore& core) noexcept : core_(core) {
    core.abandoned = this;
    try {
        for (const Job* job : core.living_jobs()) {
            add(*job);
        }
    } catch (const std::bad_alloc&) {
        log_error("no memory to say which jobs have outlasted their grace period");
    }
}

AbandonedJobs::~AbandonedJobs() { core_.abandoned = nullptr; }

void AbandonedJobs::add(const Job& job) {
    const JobInfo info = job.info();
    entries_.push_back(
        {info, std::string(info.name), std::string(info.waiting_for), describe_job(job)});
    try {
        by_id_.emplace(job.id, entries_.size() - 1);
    } catch (...) {
        entries_.pop_back();
        throw;
    }
}

void AbandonedJobs::note_cut_off() noexcept {
    core_.for_each_job([this](const Job& job) {
        const auto found = by_id_.find(job.id);
        if (job.severed && found != by_id_.end()) {
            entries_[found->second].info.cut_off = true;
        }
    });
}

void AbandonedJobs::ended(Job& job) noexcept {
    const auto found = by_id_.find(job.id);
    if (found == by_id_.end()) {
        return;
    }
    entries_[found->second].info.state = job.state;
    if (job.state == JobState::failed && is_loop_closed(job.error)) {
        job.collected = true;
    }
}

bool AbandonedJobs::explain(const Job& job, const std::exception_ptr& error) const noexcept {
    return by_id_.contains(job.id) && is_loop_closed(error);
}

void AbandonedJobs::report() noexcept {
    for (Entry& entry : entries_) {
        tell(entry);
    }
    // Some were spawned meanwhile, or there was no memory for their entries.
    core_.for_each_job([this](const Job& job) {
        if (!by_id_.contains(job.id)) {
            tell(job);
        }
    });
}

void AbandonedJobs::tell(const Job& job) noexcept {
    std::string backtrace;
    try {
        backtrace = describe_job(job);
    } catch (const std::bad_alloc&) {
        log_error("no memory to say where a job stands that is destroyed with its loop");
    }
    const JobInfo info = job.info();
    core_.observe(Observer::no_hooks,
                  [&](Observer& observer) { observer.job_abandoned(info, backtrace); });
}

void AbandonedJobs::tell(Entry& entry) noexcept {
    entry.info.name = entry.name;
    entry.info.waiting_for = entry.waiting_for;
    core_.observe(Observer::no_hooks,
                  [&](Observer& observer) { observer.job_abandoned(entry.info, entry.backtrace); });
}

}  // namespace eddy::inline v0_1::detail
