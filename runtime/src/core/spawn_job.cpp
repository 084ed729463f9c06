// SPDX-License-Identifier: MIT
#include <eddy/detail/spawn_job.hpp>

#include <string>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

LoopCore& require_loop(const char* what) {
    LoopCore* core = thread_state.core;
    if (core == nullptr) {
        throw InvalidState(std::string(what) +
                           " needs a running loop on this thread: call it from a job, or from "
                           "another thread through LoopHandle::post");
    }
    if (!core->here()) {
        throw InvalidState(std::string(what) +
                           ": the loop that ran here at the fork() belongs to the parent: make a "
                           "new Loop in the child, or exec");
    }
    return *core;
}

Job& require_job(const char* what) {
    Job* job = thread_state.job;
    if (job == nullptr) {
        throw InvalidState(std::string(what) + " needs a running job: call it from a coroutine");
    }
    return *job;
}

void start_job(Nursery& nursery,
               Job& job,
               std::string_view name,
               const std::source_location& where) {
    nursery.require_same_loop("spawn");
    LoopCore& core = *nursery.core;
    if (core.root.closed) {
        throw LoopClosed("spawn: the loop is ending and takes no more jobs");
    }
    if (nursery.closed) {
        throw InvalidState("spawn: this group has been left; spawn while it is open");
    }
    job.spawned = where;
    if (in_library(where)) [[unlikely]] {  // a callable that is one of ours, or is used by one
        if (const Job* const spawner = thread_state.job) {
            job.spawned = spawner->leaf != nullptr ? user_place(*spawner->leaf, spawner->spawned)
                                                   : spawner->spawned;
        }
    }
    if (!name.empty()) {
        job.ensure_extras().name = JobName(name);
    }
    core.admit(job, nursery);
}

}  // namespace eddy::inline v0_1::detail
