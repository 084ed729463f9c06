// SPDX-License-Identifier: MIT
#include <eddy/detail/collecting_nursery.hpp>

#include <utility>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/loop_core.hpp>

namespace eddy::inline v0_1::detail {

CollectingNursery::CollectingNursery(std::string_view report, const std::source_location& place)
    : report_(report), place_(place), host_(require_job("a combinator of tasks")) {
    core = host_.nursery->core;
    scope.enter(*host_.scope, &host_);
}

void CollectingNursery::start(Job& job) noexcept {
    if (start_failed_) {
        return;
    }
    try {
        start_job(*this, job, {}, place_);
    } catch (...) {
        start_failed_ = true;
        fail(nullptr, std::current_exception());
    }
}

void CollectingNursery::fail(const Job* job, std::exception_ptr error) noexcept {
    if (first_error_ != nullptr) {
        core->report_failure(job, std::move(error), report_);
        return;
    }
    first_error_ = std::move(error);
    cancel_rest(CancelSource::group, "another task of the same call failed");
}

void CollectingNursery::suppress(const Job& job) noexcept {
    if (job.state == JobState::failed) {
        core->report_failure(&job, job.error, report_);
    }
}

void CollectingNursery::cancel_rest(CancelSource source, std::string_view reason) noexcept {
    if (live != 0) {
        scope.cancel(source, reason);
    }
}

bool CollectingNursery::note_interrupted(const Job& child) noexcept {
    const bool from_outside = child.state == JobState::cancelled && !child.own_scope().caught;
    interrupted_ = interrupted_ || from_outside;
    return from_outside;
}

void CollectingNursery::leave_scope() noexcept {
    if (std::exchange(entered_, false)) {
        closed = true;
        scope.leave();
    }
}

void CollectingNursery::leave() {
    leave_scope();
    if (first_error_) {
        std::rethrow_exception(first_error_);
    }
    if (interrupted_) {
        throw host_.scope->make_cancelled();
    }
}

void GatherNursery::child_ended(Job& child) noexcept {
    child.collected = true;
    if (child.state != JobState::finished && !note_interrupted(child)) {
        fail(&child, error_of(child));
    }
}

void SettledNursery::child_ended(Job& child) noexcept {
    child.collected = true;
    note_interrupted(child);
}

std::exception_ptr error_of(const Job& job) noexcept {
    if (job.error) {
        return job.error;
    }
    try {
        throw_no_value(job);
    } catch (...) {
        return std::current_exception();
    }
}

}  // namespace eddy::inline v0_1::detail
