// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <stop_token>

#include <eddy/detail/export.hpp>
#include <eddy/detail/inbox.hpp>
#include <eddy/detail/list_link.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

class Executor;

namespace detail {
class OffloadWait;
struct OffloadNotice;
struct WorkAccess;

/// Whether somebody wants the offloaded call on this thread to end: what its stop token says, for
/// a call that asks now and then and has no use for callbacks. Costs no allocation; false on any
/// other thread.
[[nodiscard]] EDDY_API bool call_should_stop() noexcept;
}  // namespace detail

/// How urgent offloaded work is. A pool takes 8 high ones, 4 normal ones and 1 low one from full
/// queues, so that none starves.
enum class Priority : std::uint8_t { high, normal, low };

/// The stop token of the offloaded call that runs on this thread, for code below `fn` that is not
/// handed one; an empty token on any other thread.
[[nodiscard]] EDDY_API std::stop_token current_stop_token();

/// One offloaded call on its way through an executor: what `Executor::submit` is given.
///
/// It belongs to itself: neither the job that awaits it nor the loop need live until it has run.
/// An executor keeps the reference until it has called `run` or `reject`, once; with that call the
/// work is gone.
///
/// | field           | who may touch it                                                       |
/// |-----------------|------------------------------------------------------------------------|
/// | state_          | both sides, by compare-and-swap from `queued` or `running`             |
/// | call, result    | the loop; from `running` on the worker; from `finished` on the loop    |
/// | waiter_         | the loop                                                               |
/// | *inbox_         | the worker from `finished` until it has pushed: a loop that leaves a   |
/// |                 | work alone between the two counts it (`LoopCore::owed`), and keeps its |
/// |                 | inbox open until it has come                                           |
/// | ListLink        | the executor that has the work, under its own lock                     |
/// | stop_           | the worker until has_stop_ is set, then everybody                      |
class EDDY_API Work : private detail::InboxNode, private detail::ListLink {
public:
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

    [[nodiscard]] Priority priority() const noexcept { return priority_; }

    /// Calls the function, unless it has been withdrawn, and sends the result to its loop.
    ///
    /// Threading: any thread that runs no loop; on one that does, the await throws `WrongThread`.
    void run() noexcept;

    /// Does not call it: the await throws `why`.
    void reject(std::exception_ptr why) noexcept;

protected:
    Work() noexcept = default;
    ~Work() override {
        if (notice_ != nullptr) [[unlikely]] {
            drop_notice();
        }
    }

    /// Calls the function, keeps its result or `error_`, destroys function and arguments.
    virtual void invoke() noexcept = 0;
    /// Destroys function and arguments.
    virtual void drop_call() noexcept = 0;
    /// Frees the work.
    virtual void destroy() noexcept = 0;
    /// The loop's, before it leaves a running call alone: what the call borrowed of the frame that
    /// waits for it, it may not touch any more when this returns.
    virtual void take_back() noexcept {}

    /// The worker's: the stop token of this call, made when first asked for.
    [[nodiscard]] std::stop_token stop_token();

    std::exception_ptr error_;

private:
    friend class detail::OffloadWait;
    friend struct detail::WorkAccess;
    friend std::stop_token current_stop_token();
    friend bool detail::call_should_stop() noexcept;

    enum class State : std::uint8_t { fresh, queued, running, finished, withdrawn, abandoned };

    void deliver() override;
    void drop_notice() noexcept;
    [[nodiscard]] bool claim() noexcept { return try_change(State::queued, State::running); }
    void execute() noexcept;
    void complete() noexcept;
    void release() noexcept;
    void request_stop() noexcept;
    [[nodiscard]] bool try_change(State from, State to) noexcept {
        // acquire: what the other side wrote before its change. release: for who sees ours.
        return state_.compare_exchange_strong(
            from, to, std::memory_order_acq_rel, std::memory_order_acquire);
    }

    std::atomic<State> state_{State::fresh};
    std::atomic<std::uint8_t> holders_{2};  // of withdrawn work: its frame and its executor
    Priority priority_ = Priority::normal;
    std::uint8_t place_ = 0;  // in which of its lists a pool keeps it, under its lock
    std::atomic<bool> stop_requested_{false};
    std::atomic<bool> has_stop_{false};
    std::stop_source stop_{std::nostopstate};
    detail::OffloadWait* waiter_ = nullptr;    // null once the frame has left it
    detail::Inbox* inbox_ = nullptr;           // where it came from; null: nobody wants to know
    detail::OffloadNotice* notice_ = nullptr;  // for observers, if any asked; owned
    TimePoint queued_at_{};
};

/// Runs work somewhere else than on a loop: `ThreadPool`, a TBB arena, a GPU stream, a test's own.
///
///     class OneThread final : public Executor {
///         void submit(Work& work) override { queue_.push(&work); }  // the thread: work->run();
///     };
///
/// Requires:  never run work inside `submit`.
/// Threading: any loop may submit.
/// Lifetime:  outlives the work it was given.
class EDDY_VISIBLE Executor {
public:
    Executor() = default;
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;
    virtual ~Executor() = default;

    /// Takes the work over. Throws: whatever, if it did not; the await then throws that.
    virtual void submit(Work& work) = 0;

    /// The same, but refuses what would have to wait for a slot: false, the work is the caller's
    /// still. One without a bound refuses nothing and need not override it.
    [[nodiscard]] virtual bool try_submit(Work& work) {
        submit(work);
        return true;
    }

    /// The work was submitted here and is cancelled before it ran; calling `run` or `reject` on it
    /// does nothing any more but give it back. An executor that can do so at once saves a slot.
    virtual void withdraw(Work& work) noexcept { static_cast<void>(work); }
};

}  // namespace eddy::inline v0_1
