// SPDX-License-Identifier: MIT
#include <eddy/detail/portal_call.hpp>

#include <exception>
#include <new>
#include <string>
#include <utility>

#include <eddy/detail/failure_from.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/spawn.hpp>

namespace eddy::inline v0_1::detail {

std::exception_ptr portal_dropped() noexcept {
    const LoopCore* const core = thread_state.core;
    if (core != nullptr && core->here() && !core->root.closed) {
        return std::make_exception_ptr(std::bad_alloc());
    }
    return failure_from(
        [] { return LoopClosed("Portal: the loop ended before this had a result"); });
}

std::exception_ptr portal_job_cancelled(const std::exception_ptr& cancelled) noexcept {
    return failure_from([&cancelled] {
        std::string text = "Portal: the job was cancelled on its loop";
        try {
            std::rethrow_exception(cancelled);
        } catch (const Cancelled& why) {
            if (!why.reason().empty()) {
                text.append(": ").append(why.reason());
            }
        }
        return JobCancelled(text);
    });
}

void PortalStart::operator()() {
    if (!thread_state.core->root.closed) {
        spawn(std::move(job_), {.name = "portal", .where = where_}).detach();
    }
}

}  // namespace eddy::inline v0_1::detail
