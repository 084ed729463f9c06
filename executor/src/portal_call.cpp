// SPDX-License-Identifier: MIT
#include <eddy/portal.hpp>

#include <exception>
#include <new>
#include <utility>

#include <eddy/detail/failure_from.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/spawn.hpp>

namespace eddy::inline v0_1 {

Portal::Portal(std::source_location where)
    : loop_(detail::require_loop("Portal").inbox), where_(where) {}

void Portal::send(Task<> job) const {
    if (!loop_.post(detail::PortalStart(std::move(job), where_))) {
        throw LoopClosed("Portal: the loop is over");
    }
}

namespace detail {

std::exception_ptr portal_dropped() noexcept {
    const LoopCore* const core = thread_state.core;
    if (core != nullptr && core->here() && !core->root.closed) {
        return std::make_exception_ptr(std::bad_alloc());
    }
    return failure_from(
        [] { return LoopClosed("Portal: the loop ended before this had a result"); });
}

std::exception_ptr portal_job_cancelled() noexcept {
    return failure_from([] { return JobCancelled("Portal: the job was cancelled on its loop"); });
}

void PortalStart::operator()() {
    if (!thread_state.core->root.closed) {
        spawn(std::move(job_), {.name = "portal", .where = where_}).detach();
    }
}

}  // namespace detail
}  // namespace eddy::inline v0_1
