// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>

#include <eddy/detail/compiler.hpp>  // IWYU pragma: keep
#include <eddy/detail/export.hpp>

/// What is said of an operation or a task that is used as if it were its result.
#define EDDY_AWAIT_IS_MISSING \
    "this has not run: it is awaited for its result, const auto result = co_await ...;"

namespace eddy::inline v0_1 {

namespace detail {
class Job;
class WaitOwner;
struct WaiterAccess;
}  // namespace detail

/// One wait of one job: what every awaitable operation of the library derives from.
///
/// An operation that can be awaited derives from this and has, besides the overrides below,
///
///     bool try_now();  // finish at once if possible; false: a wait is needed; may throw
///     void start();    // put itself where a waker finds it; may throw, and may commit
///     R take();        // the result, after a commit; may throw
///
/// which `co_await` calls in this order, checking for cancellation first, so that no primitive
/// repeats the protocol: rules R2, R4 and R6 of runtime/README.md, "The seven rules".
/// `eddy::WaitQueue` is the usual place to wait in.
///
/// A `select` starts an operation only after it has tried all of its others. So an operation whose
/// own `try_now` or `start` calls code of the user's (a predicate, a callback) says
/// `static constexpr bool calls_out = true`, and looks at the world again in its `start`; the
/// others of that select are tried once more before they are started. What it calls may cancel the
/// job: that is heard when `start` has returned, and ends the wait then. One whose `try_now` leaves
/// something done although it returns false (a write that has sent a part) says `looks_again` for
/// the same duty.
///
/// States. A waiter lives in the coroutine's frame. Nobody but the loop's thread sees it.
///
/// | state     | event                              | next      | hook     | called by            |
/// |-----------|------------------------------------|-----------|----------|----------------------|
/// | idle,done | awaited, it can finish at once     | done      | try_now, | `co_await`           |
/// |           |                                    |           | take     |                      |
/// | idle,done | the same, on the last unit of the  | committed | try_now  | `co_await`           |
/// |           | job's budget                       |           |          |                      |
/// | idle,done | awaited, `try_now` throws          | unchanged | try_now  | `co_await`           |
/// | idle,done | the same, on the last unit         | failed    | try_now  | `co_await`           |
/// | idle,done | awaited, it has to wait            | queued    | start    | `co_await`, `select` |
/// | queued    | `start` throws                     | done      | -        | `co_await`, `select` |
/// | queued    | the same, on the last unit         | failed    | -        | `co_await`           |
/// | queued    | a waker unlinks it                 | committed | commit   | the primitive        |
/// | queued    | cancelled, and it leaves           | aborted   | abort    | the cancelled scope  |
/// | queued    | cancelled in its try or its start  | aborted   | abort    | `co_await`           |
/// | queued    | cancelled, and it is in flight     | queued    | abort    | the cancelled scope  |
/// | queued    | the loop is over                   | aborted   | sever    | the loop             |
/// | queued    | another one of its select won      | done      | abort    | `select`             |
/// | queued    | its frame is destroyed             | done      | unlink   | the frame            |
/// | committed | its job runs                       | done      | take     | `co_await`, `select` |
/// | committed | its frame is destroyed, or the     | done      | pass_on  | the frame, `select`  |
/// |           | select is lost after all           |           |          |                      |
/// | aborted   | its job runs: throws `Cancelled`,  | done      | -        | `co_await`           |
/// |           | or `LoopClosed`                    |           |          |                      |
/// | failed    | its job runs: throws what was kept | done      | -        | `co_await`           |
///
/// *Queued*: somebody may wake it, and cancellation may take it away. *Committed*: a waker has
/// unlinked it and already given it what it waited for; from now on the wait succeeds. A wait on
/// the outside world is *in flight* instead: queued, but its `abort` returns false, because
/// cancellation can only request its end.
///
/// One select, one wait. Operations of the same `select` that stand in the same place of a
/// primitive are one party: where a waker looks for somebody to meet, to serve or to count, those
/// that `rivals` names are passed over.
///
/// Awaited again. An operation that is idle or done is like new, whatever has become of it before:
/// it ended, was cancelled, failed, lost a `select` whose frame is gone. So it can be kept in a
/// variable and awaited any number of times, also by another job, and each await means what the
/// call would mean now: `try_now` makes it forget the one before. Two kinds cannot, and their await
/// throws `InvalidState`: one in which another job is waiting, and one that brought something along
/// (an item, a function, an offloaded call) and has given it away.
///
/// Threading: loop thread only, like everything that has waiters.
/// Source:    the commit point is trio's, see also anyio issue 147.
class EDDY_API Waiter {
public:
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    /// Ends the wait with success: the job becomes ready. It runs later, never inside this call.
    ///
    /// Requires: the waiter is queued or in flight, the caller has unlinked it, and what it waited
    ///           for is now its own.
    void commit() noexcept;

    /// These do not compile, and say why.
    template <std::same_as<bool> B>
    explicit operator B() const {
        static_assert(!std::same_as<B, bool>, EDDY_AWAIT_IS_MISSING);
        return false;
    }
    template <class U>
    friend bool operator==(const Waiter&, const U&) {
        static_assert(!std::same_as<U, U>, EDDY_AWAIT_IS_MISSING);
        return false;
    }

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

    /// The frame died between commit and resume, or lost its `select` after all: gives what it was
    /// granted to the next waiter, or puts it back. Does nothing by default, which is right for a
    /// wait that is told something and given nothing (an `Event`). Rule R4.
    virtual void pass_on() noexcept {}

    /// Cancellation reached a queued wait. True: it is undone, the job gets `Cancelled`. False: the
    /// wait goes on until it is committed (in flight, or not abortable at all).
    [[nodiscard]] virtual bool abort() noexcept {
        unlink();
        return true;
    }

    /// Something may have come for a queued wait that it has not looked at yet: it looks now, and
    /// commits if that is enough. Called before a cancellation asks it to `abort`, so that what
    /// came first wins. For waits that are made of several; the others know at once.
    virtual void catch_up() noexcept {}

    /// The loop is over and its grace too: cuts the wait off from the outside world at once, so
    /// that the frame may die. True: done, the await throws `LoopClosed`. For waits in flight.
    [[nodiscard]] virtual bool sever() noexcept { return false; }

    /// Both wait in the same `select`, so that one of them happens at most: they give each other
    /// nothing, and do not count twice where arrivals count. (True of `*this`: it is in a select.)
    [[nodiscard]] bool rivals(const Waiter& other) const noexcept {
        return owner_ != nullptr && other.owner_ != nullptr && job_ != nullptr &&
               job_ == other.job_;
    }

private:
    friend struct detail::WaiterAccess;

    /// See the table. `failed`: what to throw waits in the job, until it is resumed.
    enum class State : std::uint8_t { idle, done, queued, committed, aborted, failed };

    detail::Job* job_ = nullptr;
    detail::WaitOwner* owner_ = nullptr;  // hears of the commit in place of the job; else null
    State state_ = State::idle;
};

}  // namespace eddy::inline v0_1
