// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

/// At least so many bytes in so much time; see `StreamTimeouts`.
struct ProgressRate {
    std::size_t bytes = 0;
    Duration per = Duration::max();
};

/// How patient a `TimedStream` is; by default it is endlessly so.
struct StreamTimeouts {
    /// For so long an operation may wait without a byte in either direction.
    Duration idle = Duration::max();
    /// What must have been read, or written, before reads, or writes, have waited `per` in all.
    ProgressRate reading = {};
    ProgressRate writing = {};
};

namespace detail {

/// The clockwork of a `TimedStream`: one deadline for both directions, which stays in the heap
/// while messages come and go and is only looked at, and moved, when it is due.
class EDDY_API StreamWatch final : private DeadlineNode, private CloseListener {
public:
    enum class Side : std::uint8_t { read, write };

    /// What waits for one direction, and is told when that has taken too long.
    class EDDY_API Patient {
    public:
        Patient(const Patient&) = delete;
        Patient& operator=(const Patient&) = delete;

        /// Something may have come that it has not looked at: it looks now, before it is judged.
        virtual void look() noexcept {}
        /// Its time is over, and why. Ends its wait, or asks for the end of what is in flight.
        virtual void out_of_time(const char* verdict) noexcept = 0;

    protected:
        Patient() noexcept = default;
        ~Patient() = default;
    };

    /// Throws: `InvalidState` outside a loop, `std::invalid_argument` for timeouts not above zero.
    explicit StreamWatch(const StreamTimeouts& timeouts);
    StreamWatch(const StreamWatch&) = delete;
    StreamWatch& operator=(const StreamWatch&) = delete;
    ~StreamWatch() override;

    void set(const StreamTimeouts& timeouts);
    [[nodiscard]] bool busy(Side side) const noexcept { return of(side).waiting != nullptr; }

    /// An operation begins, or goes on.
    ///
    /// Throws: `LoopClosed`, `WrongThread`; `BusyResource` when that side has one that waits.
    void begins(Side side);
    /// It has to wait. Throws: `BusyResource`, `std::bad_alloc`; then it does not.
    void waits(Side side, Patient& who);
    /// It waits no more, whatever the reason. Does nothing for one that did not.
    void stopped(Side side) noexcept;
    /// So many bytes have moved.
    void moved(Side side, std::size_t bytes) noexcept;
    /// Throws: `TimedOut`, or `Cancelled` where that has come besides.
    [[noreturn]] void throw_timed_out(Side side, const char* verdict);

private:
    struct Direction {
        Patient* waiting = nullptr;  // null: no operation
        TimePoint since{};           // when the operation began to wait
        Duration waited{};           // before that, since `bytes` had moved the last time
        std::size_t moved = 0;       // since then
        ProgressRate least;
    };

    [[nodiscard]] Direction& of(Side side) noexcept { return sides_[static_cast<int>(side)]; }
    [[nodiscard]] const Direction& of(Side side) const noexcept {
        return sides_[static_cast<int>(side)];
    }
    static StreamTimeouts checked(const StreamTimeouts& timeouts);
    void require_free(Side side) const;
    void stop_clock(Direction& side) noexcept;
    [[nodiscard]] TimePoint end_of(const Direction& side) const noexcept;
    [[nodiscard]] TimePoint idle_end(const Direction& side) const noexcept;
    [[nodiscard]] TimePoint progress_end(const Direction& side) const noexcept;
    void arm(TimePoint when);
    void due() noexcept override;
    void loop_closing() noexcept override;

    // Invariant: while an operation waits, the node is armed for its end or earlier.
    LoopCore* core_;  // null once the loop is over
    Duration idle_{};
    TimePoint active_ = TimePoint::min();  // the last byte in either direction
    TimePoint armed_for_ = never;          // of meaning while armed
    Direction sides_[2];                   // read, write
};

}  // namespace detail
}  // namespace eddy::inline v0_1
