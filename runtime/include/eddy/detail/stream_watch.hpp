// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/scope.hpp>
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
private:
    struct Direction {
        CancelScope* waiting = nullptr;  // null: no operation
        TimePoint since{};               // when the operation began to wait
        Duration waited{};               // before that, since `bytes` had moved the last time
        std::size_t moved = 0;           // since then
        const char* verdict = nullptr;   // why it was cancelled
        ProgressRate least;
    };

public:
    enum class Side : std::uint8_t { read, write };

    /// An operation of one side while it may wait, inside a scope that the watch cancels.
    class EDDY_API Wait final {
    public:
        /// Throws: `BusyResource` when that side has one already.
        explicit Wait(StreamWatch& watch, Side side, CancelScope& scope);
        Wait(const Wait&) = delete;
        Wait& operator=(const Wait&) = delete;
        ~Wait();

        /// The operation has ended, and so many bytes have moved.
        void moved(std::size_t bytes) noexcept;
        /// The scope was cancelled by the watch. Throws: `TimedOut`.
        [[noreturn]] void throw_timed_out();

    private:
        StreamWatch& watch_;
        Direction& side_;
        bool write_;
    };

    /// Throws: `InvalidState` outside a loop, `std::invalid_argument` for timeouts not above zero.
    explicit StreamWatch(const StreamTimeouts& timeouts);
    StreamWatch(const StreamWatch&) = delete;
    StreamWatch& operator=(const StreamWatch&) = delete;
    ~StreamWatch() override;

    void set(const StreamTimeouts& timeouts);
    [[nodiscard]] bool busy(Side side) const noexcept {
        return sides_[static_cast<int>(side)].waiting != nullptr;
    }

private:
    static StreamTimeouts checked(const StreamTimeouts& timeouts);
    void stop(Direction& side) noexcept;
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
