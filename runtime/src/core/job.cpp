// SPDX-License-Identifier: MIT
#include <eddy/detail/job.hpp>

#include <utility>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1 {

std::string_view to_string(JobState state) noexcept {
    switch (state) {
        case JobState::pending:
            return "pending";
        case JobState::cancelling:
            return "cancelling";
        case JobState::finished:
            return "finished";
        case JobState::failed:
            return "failed";
        case JobState::cancelled:
            return "cancelled";
    }
    return "unknown";
}

namespace detail {

std::string Job::label() const {
    std::string text(name().empty() ? "job" : name());
    text += " #";
    text += std::to_string(id);
    return text;
}

JobInfo Job::info() const noexcept {
    JobInfo info;
    info.id = id;
    info.parent = parent_id;
    info.name = name();
    info.state = !ended && own_scope().cancel_called ? JobState::cancelling : state;
    info.spawned = spawned;
    info.at = leaf != nullptr ? user_place(*leaf, spawned) : spawned;
    if (wait != nullptr && !ended) {
        info.waiting_for = wait->what();
        info.waiting_since = wait_since;
    } else if (leaf != nullptr && !body_done) {
        info.ready_since = ready_since();
    }
    return info;
}

JobExtras& Job::ensure_extras() {
    if (!extras) {
        extras = std::make_unique<JobExtras>();
    }
    return *extras;
}

void Job::abort_wait() noexcept {
    if (wait == nullptr || !WaiterAccess::abort(*wait)) {
        return;
    }
    WaiterAccess::state(*wait) = WaiterAccess::State::aborted;
    wait = nullptr;
    thread_state.core->make_ready(*this);
}

void root_reached_end(PromiseBase& root) noexcept {
    thread_state.job->leaf = &root;
    thread_state.job->body_done = true;
}

void throw_empty_task() {
    throw InvalidState(
        "this Task is empty: it was awaited, spawned or moved from before; a task runs once");
}

Cancelled make_aborted(Job& job) {
    if (job.severed) {
        job.severed = false;
        --thread_state.core->severed;
        throw LoopClosed("the loop ended while " + job.label() + " waited for the outside world");
    }
    return job.scope->make_cancelled();
}

void keep_failure(Job& job, Waiter& waiter) noexcept {
    job.error = std::current_exception();  // nobody's until the job ends
    WaiterAccess::state(waiter) = WaiterAccess::State::failed;
}

void throw_kept(Job& job, Waiter& waiter) {
    WaiterAccess::state(waiter) = WaiterAccess::State::done;
    std::rethrow_exception(std::exchange(job.error, nullptr));
}

void throw_no_value(const Job& job) {
    if (job.error) {
        std::rethrow_exception(job.error);
    }
    if (job.state != JobState::cancelled) {
        throw InvalidState("the result of " + job.label() + " was taken before");
    }
    std::string text = job.label() + " was cancelled";
    if (const CancelCause* const cause = job.own_scope().why.cause()) {
        if (!cause->origin.empty()) {
            text += " by " + cause->origin;
        }
        if (!cause->reason.empty()) {
            text += ": " + cause->reason;
        }
    }
    throw JobCancelled(text);
}

}  // namespace detail
}  // namespace eddy::inline v0_1
