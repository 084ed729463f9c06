// SPDX-License-Identifier: MIT
#include <eddy/join_set.hpp>

#include <eddy/detail/loop_core.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

JoinSetState::JoinSetState(TaskGroup* group) noexcept : group_(group) {}

void JoinSetState::spawn(Job& job, std::string_view name, const std::source_location& where) {
    LoopCore& here = require_loop("JoinSet::spawn");
    check("JoinSet::spawn");
    if (live == 0) {
        parent_ = group_ != nullptr ? group_ : &here.root;
        parent_->require_same_loop("JoinSet::spawn");
        if (parent_->closed && group_ != nullptr) {
            throw InvalidState("JoinSet::spawn: the set's group has been left");
        }
        core = parent_->core;
        scope.enter(parent_->scope, nullptr);
    }
    try {
        start_job(*this, job, name, where);
    } catch (...) {
        step_out();
        throw;
    }
    ++parent_->live;
    ++references_;
    ended.expect();
}

void JoinSetState::cancel_all(std::string_view reason) {
    check("JoinSet::cancel_all");
    cancel_children(reason);
}

void JoinSetState::cancel_children(std::string_view reason) noexcept {
    // One by one, because the set's own scope would stay cancelled for those to come.
    for (ScopeNode* child = scope.first_child; child != nullptr; child = child->next) {
        child->cancel(CancelSource::explicit_call, reason);
    }
}

void JoinSetState::set_gone() noexcept {
    EDDY_REQUIRE(bound_.here(),
                 "a JoinSet was destroyed off its loop's thread: destroy it there, for its jobs "
                 "are cancelled with it");
    EDDY_NO_USER(!ended.awaited(),
                 "a JoinSet was destroyed while a job waits in join_next: keep it until then");
    orphaned_ = true;
    cancel_children("its JoinSet was destroyed");
    while (const JobRef<Job> job = ended.pop()) {
        drop_handle(*job);  // reports a failure if this was the last chance to see it
    }
    release();
}

void JoinSetState::child_ended(Job& child) noexcept {
    if (orphaned_) {
        drop_handle(child);
    } else {
        ended.push(child);
    }
    --parent_->live;
    step_out();
    parent_->wake_host_if_empty();
    release();
}

void JoinSetState::step_out() noexcept {
    if (live == 0) {
        scope.leave();
    }
}

void JoinSetState::release() noexcept {
    if (--references_ == 0) {
        delete this;
    }
}

}  // namespace eddy::inline v0_1::detail
