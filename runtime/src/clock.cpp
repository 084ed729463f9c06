// SPDX-License-Identifier: MIT
#include <eddy/clock.hpp>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>

namespace eddy {

namespace {

class SteadyClock final : public Clock {
public:
    [[nodiscard]] TimePoint now() const noexcept override {
        return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
    }
};

}  // namespace

Clock& Clock::steady() noexcept {
    static SteadyClock clock;
    return clock;
}

TimePoint now() { return detail::require_loop("now").clock->now(); }

}  // namespace eddy
