// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1::detail {

/// Something that a loop does when its time has come, though nobody waits for it: to close what
/// nobody uses, say.
///
/// Unlike an `Alarm` it may stay armed when its loop ends, runs code of the user's, and virtual
/// time does not move for it; unlike a `call_at` it keeps no host's loop running, and allocates
/// nothing each time.
///
/// Threading: its loop's thread; any, once it has left the loop or the loop is over.
/// Cost:      arming is O(log n) for n such moments.
class EDDY_API Housekeeping : private DeadlineNode, private LoopCallback, private CloseListener {
protected:
    Housekeeping() = default;
    ~Housekeeping() override { leave(); }

    /// From now on it belongs to this thread's loop, until that ends. False: there is no loop, or
    /// it is ending. Does nothing when it belongs to one already.
    bool join() noexcept { return core_ != nullptr || join_loop(); }
    [[nodiscard]] bool joined() const noexcept { return core_ != nullptr; }
    /// It belongs to none, and is not armed.
    void leave() noexcept;

    /// The time: of a job, when its turn began, which costs nothing. Requires: joined.
    [[nodiscard]] TimePoint time() const noexcept {
        return thread_state.job != nullptr ? core_->turn_time : core_->clock->now();
    }

    /// `look` is called at `when`, or at an earlier moment it was armed for. Requires: joined.
    ///
    /// When there is no memory for that it stays as it is, and tells nobody: the next one may find
    /// some.
    void look_by(TimePoint when) noexcept {
        if (when < when_) [[unlikely]] {
            arm(when);
        }
    }

    /// The moment has come, between jobs; it is not armed. May throw, and destroy this.
    virtual void look() = 0;

    /// The loop has no jobs left. It has been left already. May destroy this.
    virtual void loop_over() noexcept = 0;

private:
    bool join_loop() noexcept;
    void arm(TimePoint when) noexcept;
    void due() noexcept final;
    void call() final {
        queued_ = false;
        look();
    }
    void loop_closing() noexcept final;

    // Invariant: armed, or queued as a callback, only while core_ is set.
    LoopCore* core_ = nullptr;
    TimePoint when_ = never;  // `never`: not armed
    bool queued_ = false;     // as a callback
};

}  // namespace eddy::inline v0_1::detail
