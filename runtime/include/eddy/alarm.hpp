// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/require.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

/// A moment that a primitive waits for: one deadline of the loop's, for all of its waiters.
///
///     class Tap : private Alarm {
///         void due() noexcept override {
///             waiting_.wake_one();
///             if (!waiting_.empty()) arm(after(now(), period_));  // only while somebody waits
///         }
///         ...
///     };
///
/// `due` is called between polling and the ready jobs, where it may commit waiters and arm the
/// alarm again, but run no user code. A job that waits for a moment itself uses `sleep_until`;
/// `call_at` is for functions of the user's. A whole primitive: samples/own_primitive.cpp.
///
/// Requires: not armed when it is destroyed, nor when its loop ends. So arm it only while jobs
///           wait, and disarm it when the last of them leaves (`Waiter::unlink`).
/// Cost:     no allocation, O(log n) for n deadlines.
class EDDY_API Alarm : private detail::DeadlineNode {
public:
    /// Throws: `WrongThread` off the loop that it was made or armed on.
    [[nodiscard]] bool armed() const {
        bound_.check("Alarm::armed");
        return DeadlineNode::armed();
    }

protected:
    Alarm() noexcept = default;
    ~Alarm() override {
        EDDY_NO_USER(!DeadlineNode::armed(), "an Alarm was destroyed while it is armed");
    }

    /// The moment has come. The alarm is no longer armed.
    void due() noexcept override = 0;

    /// Calls `due` at `when`, and not at a moment it was armed for before. A moment in the past:
    /// soon, never inside this call.
    ///
    /// Throws: `InvalidState` outside a loop; `WrongThread`; `std::bad_alloc`, but not when it is
    ///         armed, or from inside `due`.
    void arm(TimePoint when);

    /// Does nothing to one that is not armed. For destructors: aborts off its loop.
    void disarm() noexcept;

private:
    LoopBound bound_;
};

}  // namespace eddy::inline v0_1
