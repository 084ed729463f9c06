// SPDX-License-Identifier: MIT
#include <eddy/detail/housekeeping.hpp>

#include <new>
#include <utility>

namespace eddy::inline v0_1::detail {

bool Housekeeping::join_loop() noexcept {
    LoopCore* const core = thread_state.core;
    if (core == nullptr || core->root.closed) {
        return false;
    }
    core_ = core;
    core->listen_to_close_first(*this);  // it may keep what listens too
    return true;
}

void Housekeeping::leave() noexcept {
    if (core_ != nullptr) {
        core_->forget(*this);
        if (!core_->inherited()) {
            core_->housekeeping.remove(*this);
            core_->drop_callback(*this);
        }
        core_ = nullptr;
        when_ = never;
        queued_ = false;
    }
}

void Housekeeping::arm(TimePoint when) noexcept {
    try {
        core_->housekeeping.move(*this, when);
        when_ = when;
    } catch (const std::bad_alloc&) {
    }
}

void Housekeeping::due() noexcept {
    when_ = never;
    if (!std::exchange(queued_, true)) {
        core_->queue_callback(*this);
    }
}

void Housekeeping::loop_closing() noexcept {
    leave();
    loop_over();
}

}  // namespace eddy::inline v0_1::detail
