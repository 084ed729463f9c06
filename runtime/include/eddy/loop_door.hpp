// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include <eddy/detail/export.hpp>
#include <eddy/detail/fork_generation.hpp>
#include <eddy/detail/inbox.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/shared_node.hpp>

namespace eddy::inline v0_1 {

/// The loop's side of something that other threads use: what `RemoteCounter` and `RemoteEvent` are
/// made of, and yours can be.
///
/// A thread leaves what it brings in atomics of the derived class and knocks; the loop then calls
/// `answer` on its own thread, between jobs. One flag in the same atomic word makes sure that a
/// burst knocks once, and that nothing is left behind:
///
///     void Doorbell::ring() {           // any thread
///         if (!rung_.exchange(true)) { knock(); }
///     }
///     void Doorbell::answer() {         // the loop's
///         rung_ = false;
///         event_.set();
///     }
///
/// For a single call into a loop, `LoopHandle::post` is simpler. What `answer` and `closing` throw
/// goes to the loop's observer.
///
/// Requires:  owned by a `shared_ptr`; no knock while another is unanswered.
/// Threading: `knock` from any thread, the rest on the loop's.
/// Lifetime:  may outlive its loop; kept alive while a knock is unanswered. An owner that goes
///            before the loop ends calls `shut`.
/// Cost:      a knock allocates nothing and is lock-free; only the first of a burst wakes the loop.
class EDDY_API LoopDoor : public std::enable_shared_from_this<LoopDoor>,
                          private detail::SharedNode,
                          private detail::CloseListener {
public:
    LoopDoor(const LoopDoor&) = delete;
    LoopDoor& operator=(const LoopDoor&) = delete;
    ~LoopDoor() override;

protected:
    /// A door into the loop of this thread.
    ///
    /// Throws: `InvalidState` outside a loop, `LoopClosed` when the loop is ending.
    LoopDoor();

    /// Any thread: has the loop call `answer`. False: the loop is over, and `closing` was called;
    /// or this is a child that was forked since, where nothing is.
    bool knock() noexcept;
    /// Any thread: this is a child that was forked since: every knock is refused.
    [[nodiscard]] bool inherited() const noexcept {
        return generation_ != detail::fork_generation();
    }

    /// The loop's thread: `closing` will not be called any more. A knock made before is answered.
    void shut() noexcept;

    virtual void answer() = 0;

    /// The loop has no jobs left and will refuse every knock from now on: the last look at what
    /// the threads have brought. Knocks made before are still answered, after this.
    virtual void closing() = 0;

private:
    void node_arrived() final { answer(); }
    void loop_closing() noexcept final;

    std::shared_ptr<detail::Inbox> inbox_;
    const std::uint32_t generation_ = detail::fork_generation();
    detail::LoopCore* core_;  // the loop's thread only; null once shut or closing
};

}  // namespace eddy::inline v0_1
