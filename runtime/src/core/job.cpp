// SPDX-License-Identifier: MIT
#include <eddy/detail/job.hpp>

#include <exception>
#include <memory>
#include <string>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

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
    if (wait == nullptr) {
        return;
    }
    WaiterAccess::catch_up(*wait);
    if (wait == nullptr || !WaiterAccess::abort(*wait)) {
        return;
    }
    WaiterAccess::state(*wait) = WaiterAccess::State::aborted;
    wait = nullptr;
    thread_state.core->make_ready(*this);
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

}  // namespace eddy::inline v0_1::detail
