// SPDX-License-Identifier: MIT
#include <eddy/started.hpp>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

StartHost::StartHost(Nursery& group) : group_(&group), job_(require_job("TaskGroup::start")) {
    group.require_same_loop("TaskGroup::start");
    if (group.closed) {
        throw InvalidState("start: this group has been left");
    }
    ++group.pending_starts;
    next_ = group.starts;
    if (next_ != nullptr) {
        next_->prev_ = this;
    }
    group.starts = this;
    enter(job_);
}

StartHost::~StartHost() { leave_scope(); }

void StartHost::leave_scope() noexcept {
    if (!entered_) {
        return;
    }
    entered_ = false;
    leave(job_);
    if (group_ == nullptr) {
        return;
    }
    (prev_ != nullptr ? prev_->next_ : group_->starts) = next_;
    if (next_ != nullptr) {
        next_->prev_ = prev_;
    }
    --group_->pending_starts;
    group_->wake_host_if_empty();
}

void StartHost::group_gone(Nursery& group) noexcept {
    for (StartHost* host = group.starts; host != nullptr; host = host->next_) {
        host->group_ = nullptr;
    }
}

void StartHost::child_started(StartHost* host, bool& called) {
    if (called) {
        throw InvalidState("started was called before: a child starts once");
    }
    called = true;
    if (host == nullptr || host->child_->ended || host->group_ == nullptr) {
        return;
    }
    Nursery& group = *host->group_;
    // A cancelled caller keeps the child: moving in would let it escape. A group that is cancelled
    // as well takes it in: the caller may be what the child waits for, and stays no longer than it
    // has to.
    if (host->scope.effective && !group.scope.effective) {
        return;
    }
    Job& child = *host->child_;
    --host->live;
    ++group.live;
    child.nursery = &group;
    child.own_scope().move_under(group.scope);
    host->moved_ = true;
    host->wake_host_if_empty();
}

void StartHost::leave_after(Job& child, bool called) {
    const bool cancelled = scope.effective;
    leave_scope();
    if (moved_) {
        return;
    }
    child.collected = true;
    if (child.state == JobState::failed) {
        std::rethrow_exception(child.error);
    }
    if (cancelled && (child.state == JobState::cancelled || !called)) {
        throw job_.scope->make_cancelled();
    }
    if (child.state == JobState::cancelled) {
        throw_no_value(child);
    }
    if (!called) {
        throw InvalidState("the child of TaskGroup::start returned without having called started");
    }
}

}  // namespace eddy::inline v0_1::detail
