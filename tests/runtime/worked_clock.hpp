// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>

#include <eddy/clock.hpp>

namespace eddy::testing {

/// A real clock as far as the loop can tell, whose time passes only while somebody works: what a
/// loop does to a job that computes for a millisecond, without computing.
///
/// Requires: some job is ready as long as the loop runs. One that blocked would wait for real time,
///           which is none of this clock's.
class WorkedClock final : public Clock {
public:
    [[nodiscard]] TimePoint now() const noexcept override {
        ++looks_;
        return now_;
    }
    [[nodiscard]] std::size_t looks() const noexcept { return looks_; }
    void work(Duration time) noexcept { now_ += time; }

private:
    mutable std::size_t looks_ = 0;
    TimePoint now_{std::chrono::hours(1)};
};

}  // namespace eddy::testing
