// SPDX-License-Identifier: MIT
#include <eddy/detail/nursery.hpp>

#include <string>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

void Nursery::require_same_loop(const char* what) const {
    if (thread_state.core != core || !core->here()) {
        throw WrongThread(std::string(what) +
                          ": this group lives on another loop's thread; use LoopHandle::post");
    }
}

void RootNursery::child_ended(Job& child) noexcept {
    // One reference is the run's own; without a handle nobody can ask any more.
    if (child.state == JobState::failed && child.references == 1 && !child.collected) {
        child.collected = true;
        thread_state.core->report_failure(&child, child.error, "detached job");
    }
}

}  // namespace eddy::inline v0_1::detail
