// SPDX-License-Identifier: MIT
#include <eddy/clock.hpp>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>

namespace eddy::inline v0_1 {

namespace {

class SteadyClock final : public Clock {
public:
    [[nodiscard]] TimePoint now() const noexcept override {
        return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
    }
};

/// Never destroyed: a loop may go on on another thread while the process exits.
union LastingClock {
    SteadyClock clock;
    LastingClock() noexcept : clock() {}
    LastingClock(const LastingClock&) = delete;
    LastingClock& operator=(const LastingClock&) = delete;
    ~LastingClock() {}
};

}  // namespace

Clock& Clock::steady() noexcept {
    static LastingClock lasting;
    return lasting.clock;
}

TimePoint now() {
    const detail::LoopCore* core = detail::thread_state.core;  // in a forked child too: it has one
    return (core != nullptr ? core : &detail::require_loop("now"))->clock->now();
}

}  // namespace eddy::inline v0_1
