// SPDX-License-Identifier: MIT
#include <eddy/loop_door.hpp>

#include <exception>
#include <memory>
#include <utility>

#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

LoopDoor::LoopDoor() : core_(&detail::require_loop("LoopDoor")) {
    if (core_->root.closed) {
        throw LoopClosed("the loop is ending: other threads cannot reach it any more");
    }
    inbox_ = core_->inbox;
    core_->listen_to_close(*this);
}

LoopDoor::~LoopDoor() {
    EDDY_REQUIRE(core_ == nullptr, "a LoopDoor was destroyed before its loop: shut it first");
}

bool LoopDoor::knock() noexcept { return send(*inbox_, shared_from_this()); }

void LoopDoor::shut() noexcept {
    if (core_ != nullptr) {
        EDDY_REQUIRE(core_->here() || core_->inherited(),
                     "what other threads reach through a LoopDoor was destroyed off its loop's "
                     "thread: destroy it on the loop, or after the loop has ended");
        core_->forget(*this);
        core_ = nullptr;
    }
}

void LoopDoor::loop_closing() noexcept {
    detail::LoopCore& core = *std::exchange(core_, nullptr);
    try {
        closing();
    } catch (...) {
        core.report_failure(nullptr, std::current_exception(), "posted function");
    }
}

}  // namespace eddy::inline v0_1
