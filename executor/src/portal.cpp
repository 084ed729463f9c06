// SPDX-License-Identifier: MIT
#include <eddy/portal.hpp>

#include <utility>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1 {

Portal::Portal(std::source_location where)
    : loop_(detail::require_loop("Portal").inbox), where_(where) {}

void Portal::send(Task<> job) const {
    if (!loop_.post(detail::PortalStart(std::move(job), where_))) {
        throw LoopClosed("Portal: the loop is over");
    }
}

}  // namespace eddy::inline v0_1
