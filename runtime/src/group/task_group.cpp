// SPDX-License-Identifier: MIT
#include <eddy/task_group.hpp>

#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include <eddy/detail/thread_state.hpp>

namespace eddy::inline v0_1 {

TaskGroup::~TaskGroup() {
    detail::StartHost::group_gone(*this);
    while (!failures_.empty()) {
        failures_.pop_front().release();
    }
}

void TaskGroup::child_ended(detail::Job& child) noexcept {
    if (child.state != JobState::failed) {
        // Not one that was cancelled for itself, or with the group alone: that stays in here, even
        // if the outside is cancelled before the others have ended.
        const bool from_outside = child.state == JobState::cancelled && !child.own_scope().caught &&
                                  scope.parent->effective;
        interrupted_ = interrupted_ || from_outside;
        return;
    }
    child.collected = true;
    child.retain();
    failures_.push_back(child);
    scope.cancel(CancelSource::group, "another job of the group failed");
}

namespace detail {

GroupHost::GroupHost() : job_(require_job("with_task_group")) { group_.enter(job_); }

GroupHost::~GroupHost() {
    if (entered_) {
        group_.leave(job_);
    }
}

void GroupHost::body_ended(const std::exception_ptr& error) {
    body_error_ = error;
    if (!error || is_cancelled(error)) {
        return;
    }
    for ([[maybe_unused]] const Job& job : group_.failures_) {
        ++failures_before_body_;
    }
    group_.scope.cancel(CancelSource::group, "the body of the group failed");
}

bool GroupHost::leave() {
    const bool absorbs = group_.scope.absorbs();
    group_.leave(job_);
    entered_ = false;
    group_.scope.caught = absorbs && body_error_ != nullptr;

    const bool body_failed = body_error_ && !is_cancelled(body_error_);
    if (body_failed || !group_.failures_.empty()) {
        throw_failures(body_failed);
    }
    if (body_error_ && !absorbs) {
        std::rethrow_exception(body_error_);
    }
    if (!absorbs && group_.interrupted_ && job_.scope->effective) {
        throw job_.scope->make_cancelled();  // it has cost a child its result
    }
    return body_error_ != nullptr;
}

void GroupHost::throw_failures(bool body_failed) {
    try {
        std::vector<std::exception_ptr> failures;
        for (const Job& job : group_.failures_) {
            if (body_failed && failures.size() == failures_before_body_) {
                failures.push_back(body_error_);
            }
            failures.push_back(job.error);
        }
        if (body_failed && failures.size() == failures_before_body_) {
            failures.push_back(body_error_);
        }
        throw ExceptionGroup(std::move(failures));
    } catch (const std::bad_alloc&) {  // what is thrown in their place does not tell of them
        constexpr std::string_view where = "a group without memory for its ExceptionGroup: job";
        for (const Job& job : group_.failures_) {
            group_.core->report_failure(&job, job.error, where);
        }
        if (body_failed) {
            group_.core->report_failure(&job_, body_error_, where);
        }
        throw;
    }
}

void throw_group_without_value() {
    throw JobCancelled("the group was cancelled before its body had a value");
}

}  // namespace detail
}  // namespace eddy::inline v0_1
