// SPDX-License-Identifier: MIT
#include "loop_pool.hpp"

#include <string>
#include <utility>

#include <eddy/detail/spawn_job.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

LoopPool::LoopPool(LoopCore& core, Slot& slot, const ThreadPoolOptions& options)
    : core_(core), slot_(slot), pool_(options) {
    core.listen_to_close(*this);
}

void LoopPool::loop_closing() noexcept {
    const Slot self = std::move(slot_);
    if (core_.severing) {
        pool_.shutdown(Duration::zero());  // the loop's grace was theirs too
    }
}

ThreadPool& LoopPool::of_loop(Slot& slot, const char* what, const ThreadPoolOptions& options) {
    LoopCore& core = require_loop(what);
    if (slot && &slot->core_ != &core) {
        // A child that was forked by a job: that pool is the parent's. Leaked on purpose.
        // NOLINTNEXTLINE(bugprone-unused-return-value)
        static_cast<void>(slot.release());
    }
    if (!slot) {
        if (core.root.closed) {
            throw LoopClosed(std::string(what) +
                             ": the loop is ending and offloads nothing any more");
        }
        slot = std::make_unique<LoopPool>(core, slot, options);
    }
    return slot->pool_;
}

}  // namespace eddy::inline v0_1::detail
