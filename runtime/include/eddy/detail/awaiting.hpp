// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <coroutine>
#include <source_location>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/promise.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1::detail {

/// The way to a waiter's private state for the few parts that drive waits.
struct EDDY_API WaiterAccess {
    using State = Waiter::State;

    static State& state(Waiter& waiter) noexcept { return waiter.state_; }
    static Job*& job(Waiter& waiter) noexcept { return waiter.job_; }
    static WaitOwner*& owner(Waiter& waiter) noexcept { return waiter.owner_; }
    static bool abort(Waiter& waiter) noexcept { return waiter.abort(); }
    static void catch_up(Waiter& waiter) noexcept { waiter.catch_up(); }
    static bool sever(Waiter& waiter) noexcept { return waiter.sever(); }
    static void unlink(Waiter& waiter) noexcept { waiter.unlink(); }
    static void pass_on(Waiter& waiter) noexcept { waiter.pass_on(); }

    /// Throws: `InvalidState` if another job waits in it, or `select` chose it and has not resumed.
    static void require_free(const Waiter& waiter) {
        if (waiter.state_ > State::done) [[unlikely]] {
            throw_awaited(waiter);
        }
    }
    /// It could finish at once, and has; but `job` goes on later.
    static void commit_at_once(Waiter& waiter, Job& job) noexcept {
        waiter.job_ = &job;
        waiter.state_ = State::committed;
    }
    /// The frame dies in the middle of its job's wait (rule R4). Does nothing to a wait of another
    /// job's, which this one was refused to share.
    static void abandon_own(Waiter& waiter) noexcept;

private:
    [[noreturn]] static void throw_awaited(const Waiter& waiter);
};

/// The `Cancelled` of an aborted wait. Throws `LoopClosed` for one the ending loop cut off.
[[nodiscard]] EDDY_API Cancelled make_aborted(Job& job);
/// The same of a wait that may be nobody's: what a writer writes.
[[nodiscard]] EDDY_API Cancelled make_aborted(Job* job);

/// Of an await that fails on the last unit of its job's budget: keeps the exception that is being
/// handled until the job has let the others run, so that no loop around a `catch` holds the thread.
EDDY_API void keep_failure(Job& job, Waiter& waiter) noexcept;
[[noreturn]] EDDY_API void throw_kept(Job& job, Waiter& waiter);

/// `co_await operation`: the one checkpoint contract (rule R6) around every wait of the library.
///
/// A prvalue that points at the operation, which is pinned in the awaiting frame: g++ 12 copies
/// awaiters it gets by reference. `named`: it is an object that others may know.
template <class Op, bool named>
class Awaiting final {
public:
    explicit Awaiting(Op& op) noexcept : op_(op) {}
    Awaiting(const Awaiting&) = delete;
    Awaiting& operator=(const Awaiting&) = delete;
    ~Awaiting() {
        const auto state = WaiterAccess::state(op_);
        if (state == State::queued || state == State::committed) [[unlikely]] {
            WaiterAccess::abandon_own(op_);
        }
    }

    [[nodiscard]] bool await_ready() {
        LoopCore& core = *thread_state.core;
        Job& job = *thread_state.job;
        if constexpr (named) {
            WaiterAccess::require_free(op_);
        }
        if (--job.budget == 0) [[unlikely]] {
            return spend_last(core, job);
        }
        return enter(core, job) && !gives_way;
    }

    template <std::derived_from<PromiseBase> P>
    void await_suspend(std::coroutine_handle<P> self,
                       std::source_location where = std::source_location::current()) {
        self.promise().site = where;
        ThreadState& thread = thread_state;
        Job& job = *thread.job;
        job.leaf = &self.promise();
        Waiter& waiter = op_;
        if constexpr (only_yields) {
            if (WaiterAccess::state(waiter) <= State::done) [[likely]] {
                thread.core->make_willing(job);
                return;
            }
        }
        if (WaiterAccess::state(waiter) > State::done) [[unlikely]] {
            give_way(*thread.core, job);  // over, but the others go first
            return;
        }
        WaiterAccess::job(waiter) = &job;
        WaiterAccess::state(waiter) = State::queued;
        job.wait_since = thread.core->turn_time;
        try {
            op_.start();
        } catch (...) {
            if (job.budget == 0) {
                keep_failure(job, waiter);
                thread.core->force_yield(job);
                return;
            }
            WaiterAccess::state(waiter) = State::done;
            job.leaf = nullptr;
            throw;
        }
        if (WaiterAccess::state(waiter) == State::queued) {
            waits(job, waiter);
        }
    }

    decltype(auto) await_resume() {
        auto& state = WaiterAccess::state(op_);
        if (state > State::committed) [[unlikely]] {
            if (state == State::failed) {
                throw_kept(*thread_state.job, op_);
            }
            state = State::done;
            throw make_aborted(*thread_state.job);  // here: one stack frame less to unwind
        }
        state = State::done;
        return op_.take();
    }

private:
    using State = WaiterAccess::State;

    /// Leaving a group waits too, but is no checkpoint: its operation says so.
    static constexpr bool is_checkpoint = [] {
        if constexpr (requires { Op::is_checkpoint; }) {
            return Op::is_checkpoint;
        } else {
            return true;
        }
    }();

    /// A moment that has passed is no reason to go on before the others.
    static constexpr bool gives_way = [] {
        if constexpr (requires { Op::gives_way; }) {
            return Op::gives_way;
        } else {
            return false;
        }
    }();

    /// Awaited alone it needs no more than a place in the ready queue; in a `select` it does.
    static constexpr bool only_yields = [] {
        if constexpr (requires { Op::only_yields; }) {
            return Op::only_yields;
        } else {
            return false;
        }
    }();

    /// True: the operation is done.
    [[gnu::always_inline]] bool enter(LoopCore& core, Job& job) {
        if constexpr (is_checkpoint) {
            core.checkpoint(job);
        }
        if (!op_.try_now()) {
            return false;
        }
        if constexpr (gives_way) {
            WaiterAccess::commit_at_once(op_, job);
        }
        return true;
    }

    /// Its try and its start may have called what cancels the job, which was not waiting then: it
    /// hears of that now. Nobody ends a wait in the middle of its start.
    [[gnu::always_inline]] static void waits(Job& job, Waiter& waiter) noexcept {
        job.wait = &waiter;
        if constexpr (is_checkpoint) {
            if (job.scope->effective) [[unlikely]] {
                job.abort_wait();
            }
        }
    }

    static void give_way(LoopCore& core, Job& job) noexcept {
        if constexpr (gives_way) {
            if (job.budget != 0) {
                core.make_willing(job);
                return;
            }
        }
        core.force_yield(job);
    }

    /// The last unit of the budget: whatever comes of it, the job does not go on at once.
    [[gnu::noinline]] bool spend_last(LoopCore& core, Job& job) {
        try {
            if (enter(core, job)) {
                WaiterAccess::commit_at_once(op_, job);
            }
        } catch (...) {
            keep_failure(job, op_);
        }
        return false;
    }

    Op& op_;
};

/// The same for an operation that a handle makes on the spot: it lives here.
template <class Op>
class ContainedAwaiting final {
public:
    template <class Handle>
    // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): it is never copied.
    explicit ContainedAwaiting(Handle&& handle)
        : op_(std::forward<Handle>(handle).operator co_await()), awaiting_(op_) {}
    ContainedAwaiting(const ContainedAwaiting&) = delete;
    ContainedAwaiting& operator=(const ContainedAwaiting&) = delete;

    [[nodiscard]] bool await_ready() { return awaiting_.await_ready(); }
    template <std::derived_from<PromiseBase> P>
    void await_suspend(std::coroutine_handle<P> self,
                       std::source_location where = std::source_location::current()) {
        awaiting_.await_suspend(self, where);
    }
    decltype(auto) await_resume() { return awaiting_.await_resume(); }

private:
    Op op_;
    Awaiting<Op, false> awaiting_;
};

}  // namespace eddy::inline v0_1::detail
