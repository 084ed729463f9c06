// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

#include <eddy/clock.hpp>

namespace eddy::testing {

/// A real clock as far as the loop can tell, whose time passes only while somebody works: what a
/// loop does to a job that computes for a millisecond, without computing.
///
/// Requires: some job is ready as long as the loop runs. One that blocked would wait for real time,
///           which is none of this clock's.
class WorkedClock final : public Clock {
public:
    [[nodiscard]] TimePoint now() const noexcept override { return now_; }
    void work(Duration time) noexcept { now_ += time; }

private:
    TimePoint now_{std::chrono::hours(1)};
};

}  // namespace eddy::testing
