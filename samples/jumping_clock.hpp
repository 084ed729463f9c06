// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <iostream>

#include <eddy/clock.hpp>
#include <eddy/sleep.hpp>

/// Time that jumps to `next` when nobody can go on before that: a program that sleeps for hours
/// takes no time, and always prints the same. (`eddy::testing::VirtualClock` can do more.)
class JumpingClock final : public eddy::Clock {
public:
    [[nodiscard]] eddy::TimePoint now() const noexcept override { return now_; }
    [[nodiscard]] bool idle(eddy::TimePoint next) noexcept override {
        now_ = std::max(now_, next);
        return true;
    }
    [[nodiscard]] bool is_virtual() const noexcept override { return true; }

private:
    eddy::TimePoint now_{};
};

/// "1.5 s: ", then what the caller adds.
inline std::ostream& at_now() {
    const std::chrono::duration<double> since_start = eddy::now().time_since_epoch();
    return std::cout << since_start.count() << " s: ";
}
