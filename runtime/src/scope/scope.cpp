// SPDX-License-Identifier: MIT
#include <eddy/scope.hpp>

#include <algorithm>
#include <utility>

#include <eddy/cancel_handle.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

CancelScope::CancelScope(const ScopeOptions& options) noexcept
    : DeadlineNode(Rank::scope),
      deadline_(options.deadline),
      timeout_(std::max(options.timeout, Duration::zero())) {
    shield = options.shield;
}

CancelScope::~CancelScope() {
    EDDY_NO_USER(phase_ != Phase::entered, "a CancelScope was destroyed while work runs in it");
    if (token_) {
        EDDY_REQUIRE(bound_.here(),
                     "a CancelScope with handles was destroyed off its loop's thread, where they "
                     "may be used: destroy it there");
        token_->scope = nullptr;
    }
}

bool CancelScope::cancel_called() const {
    require_same_loop();
    return ScopeNode::cancel_called || passed_unentered();
}

bool CancelScope::passed_unentered() const noexcept {
    const detail::LoopCore* core = detail::thread_state.core;
    return phase_ == Phase::fresh && core != nullptr &&
           (timeout_ == Duration::zero() || deadline_ <= core->clock->now());
}

CancelSource CancelScope::cancel_source() const {
    require_same_loop();
    return !ScopeNode::cancel_called && passed_unentered() ? CancelSource::deadline : source;
}

TimePoint CancelScope::deadline() const {
    require_same_loop();
    const detail::LoopCore* core = detail::thread_state.core;
    if (phase_ != Phase::fresh || timeout_ == Duration::max() || core == nullptr) {
        return deadline_;
    }
    return std::min(deadline_, after(core->clock->now(), timeout_));
}

void CancelScope::cancel(std::string_view reason) {
    require_same_loop();
    if (passed_unentered()) {
        ScopeNode::cancel(CancelSource::deadline, {});  // that came first
    } else if (phase_ != Phase::left) {
        ScopeNode::cancel(CancelSource::explicit_call, reason);
    }
}

void CancelScope::set_deadline(TimePoint when) {
    require_same_loop();
    if (phase_ == Phase::entered) {
        detail::LoopCore& core = *detail::thread_state.core;
        const bool passed = when != never && when <= core.clock->now();
        if (!passed && when != never && !ScopeNode::cancel_called) {
            core.deadlines.move(*this, when);
        } else {
            core.deadlines.remove(*this);
        }
        deadline_ = when;
        if (passed) {
            ScopeNode::cancel(CancelSource::deadline, {});
        }
        return;
    }
    if (passed_unentered()) {
        ScopeNode::cancel(CancelSource::deadline, {});  // moving it changes nothing
    }
    timeout_ = Duration::max();
    deadline_ = when;
}

void CancelScope::set_shield(bool on) {
    require_same_loop();
    if (phase_ == Phase::entered) {
        ScopeNode::set_shield(on);
    } else {
        shield = on;
    }
}

CancelHandle CancelScope::handle() {
    require_same_loop();
    LoopHandle loop(detail::require_loop("CancelScope::handle").inbox);
    if (!token_) {
        token_ = std::make_shared<detail::CancelToken>(
            detail::CancelToken{.scope = phase_ != Phase::left ? this : nullptr,
                                .cancel = [](ScopeNode& scope, std::string_view reason) {
                                    static_cast<CancelScope&>(scope).cancel(reason);
                                }});
    }
    return CancelHandle(token_, std::move(loop));
}

void CancelScope::due() noexcept { ScopeNode::cancel(CancelSource::deadline, {}); }

// --- entry and exit ----------------------------------------------------------------------------

ScopeEntry::ScopeEntry(CancelScope& scope)
    : scope_(scope), job_(&detail::require_job("entering a CancelScope")) {
    scope.require_same_loop();
    if (scope.phase_ != CancelScope::Phase::fresh) {
        throw InvalidState("a CancelScope is entered once: make a new one");
    }
    detail::LoopCore& core = *detail::thread_state.core;
    if (scope.timeout_ != Duration::max() || scope.deadline_ != never) {
        const TimePoint now = core.clock->now();
        if (scope.timeout_ != Duration::max()) {
            scope.deadline_ = std::min(scope.deadline_, after(now, scope.timeout_));
        }
        if (scope.deadline_ != never && !scope.ScopeNode::cancel_called) {
            if (scope.deadline_ <= now) {
                scope.ScopeNode::cancel(CancelSource::deadline, {});
            } else {
                core.deadlines.insert(scope, scope.deadline_);
            }
        }
    }
    scope.cancel_scope = true;
    scope.enter(*job_->scope, job_);
    job_->scope = &scope;
    scope.phase_ = CancelScope::Phase::entered;
}

bool ScopeEntry::leave_absorbing() noexcept {
    const bool absorbs = scope_.absorbs();
    scope_.caught = absorbs;
    leave();
    return absorbs;
}

void ScopeEntry::leave() noexcept {
    if (scope_.phase_ != CancelScope::Phase::entered) {
        return;
    }
    EDDY_REQUIRE(job_->scope == &scope_, "scopes are left in reverse order of entry");
    detail::thread_state.core->deadlines.remove(scope_);
    job_->scope = scope_.parent;
    scope_.ScopeNode::leave();
    scope_.phase_ = CancelScope::Phase::left;
    if (scope_.token_) {
        scope_.token_->scope = nullptr;
    }
}

TimePoint current_effective_deadline() {
    const detail::ScopeNode* node = detail::require_job("current_effective_deadline").scope;
    if (node->effective) {
        return TimePoint::min();
    }
    TimePoint earliest = never;
    for (; node != nullptr; node = node->parent) {
        if (node->cancel_scope) {
            earliest = std::min(earliest, static_cast<const CancelScope*>(node)->deadline_);
        }
        if (node->shield) {
            break;
        }
    }
    return earliest;
}

}  // namespace eddy::inline v0_1
