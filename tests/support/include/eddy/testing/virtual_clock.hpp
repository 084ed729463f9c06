// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/clock.hpp>

namespace eddy::testing {

/// A clock whose hands move only when everything else stands still.
///
/// When no job is ready, nothing is posted and no offload or finite request is under way, it jumps
/// to the next deadline: a test sleeps for an hour in no time, and always in the same order. Armed
/// reads and listeners do not hold it back; `HoldTime` does. When the loop ends, none of them does
/// for ever: its grace also counts in real time.
///
///     VirtualClock clock;
///     run(main_task(), {}, {.clock = &clock});
///
/// Threading: the loop thread's.
/// Source:    trio's MockClock; tokio issues 4614 and 5115 for the offloads.
class VirtualClock final : public Clock {
public:
    enum class Autojump : bool { off, on };

    /// Starts at zero. Without autojump only `advance` moves it.
    explicit VirtualClock(Autojump autojump = Autojump::on) noexcept
        : jumps_(autojump == Autojump::on) {}

    [[nodiscard]] TimePoint now() const noexcept override { return now_; }

    /// Moves the hands; what becomes due happens in the loop's next turn. For jobs under test a
    /// `sleep_for` is usually the better way: it lets the others act at their own times.
    ///
    /// Throws: `std::invalid_argument` for a negative time, nothing moved: no clock goes backwards.
    void advance(Duration by);

    [[nodiscard]] bool idle(TimePoint next) noexcept override {
        if (!jumps_) {
            return false;
        }
        now_ = next > now_ ? next : now_;
        return true;
    }
    [[nodiscard]] bool is_virtual() const noexcept override { return true; }

private:
    TimePoint now_{};
    bool jumps_;
};

/// While it lives, virtual time stands still and `settle` waits: for work in threads that the loop
/// does not know of.
///
/// Requires: the loop thread, a running loop.
class HoldTime final {
public:
    HoldTime();
    HoldTime(const HoldTime&) = delete;
    HoldTime& operator=(const HoldTime&) = delete;
    ~HoldTime();
};

}  // namespace eddy::testing
