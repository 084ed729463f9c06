// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace eddy {

namespace detail {
class Job;
class SelectBase;
struct WaiterAccess;
}  // namespace detail

/// One wait of one job: what every awaitable operation of the library derives from.
///
/// A waiter lives in the coroutine's frame and goes through three phases. *Queued*: somebody may
/// wake it, and cancellation may take it away. *Committed*: a waker has unlinked it and already
/// given it what it waited for; from now on the wait succeeds. *Resumed*: the job runs again. A
/// wait on the outside world is *in flight* instead of queued: cancellation only requests its end.
///
/// An operation that can be awaited derives from this and has, besides the overrides below,
///
///     bool try_now();  // finish at once if possible; false: a wait is needed; may throw
///     void start();    // put itself where a waker finds it; may throw, and may commit
///     R take();        // the result, after a commit
///
/// which `co_await` calls in this order, checking for cancellation first (rule R6), so that no
/// primitive repeats the protocol. `eddy::WaitQueue` is the usual place to wait in.
///
/// Threading: loop thread only, like everything that has waiters.
/// Source:    the commit point is trio's, see also anyio issue 147.
class Waiter {
public:
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    /// Ends the wait with success: the job becomes ready. It runs later, never inside this call.
    ///
    /// Requires: the waiter is queued or in flight, the caller has unlinked it, and what it waited
    ///           for is now its own.
    void commit() noexcept;

    /// What the job dump says: "Lock::acquire".
    [[nodiscard]] virtual const char* what() const noexcept = 0;

protected:
    Waiter() noexcept = default;
    virtual ~Waiter() = default;

    /// The same for a wait that only lets others go first: its job becomes one of the willing.
    void commit_willing() noexcept;

    /// Leaves the place `start` put it: cancelled, not chosen by `select`, or its frame is dying.
    /// Whatever the leaving lets happen (the next in the queue may fit now) happens here.
    virtual void unlink() noexcept = 0;

    /// The frame died between commit and resume: give the grant to the next one, or put it back.
    virtual void pass_on() noexcept {}

    /// Cancellation reached a queued wait. True: it is undone, the job gets `Cancelled`. False: the
    /// wait goes on until it is committed (in flight, or not abortable at all).
    [[nodiscard]] virtual bool abort() noexcept {
        unlink();
        return true;
    }

    /// The loop is over and its grace too: lets go of the outside world at once, so that the frame
    /// may die. True: done, the await throws `LoopClosed`. For waits in flight.
    [[nodiscard]] virtual bool sever() noexcept { return false; }

private:
    friend struct detail::WaiterAccess;
    friend class detail::SelectBase;

    /// `failed`: what to throw waits in the job, until it is resumed.
    enum class State : std::uint8_t { idle, done, queued, committed, aborted, failed };

    detail::Job* job_ = nullptr;
    detail::SelectBase* select_ = nullptr;  // who else must hear of the commit
    State state_ = State::idle;
};

}  // namespace eddy
