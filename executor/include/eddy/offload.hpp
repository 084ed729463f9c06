// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <exception>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/offload_node.hpp>
#include <eddy/executor.hpp>
#include <eddy/job_info.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1 {

/// What cancelling the await of a call that already runs does.
enum class OnCancel : std::uint8_t {
    /// Requests its stop and waits for its end, whose result counts: cancellation arrives at the
    /// next checkpoint.
    wait,
    /// Requests its stop and throws `Cancelled` at once. The call runs to its end on its worker,
    /// which stays taken until then, and drops what comes out: it must own all it touches.
    abandon,
};

/// `run_in_executor(pool, {.priority = Priority::low}, fn)`.
struct EDDY_VISIBLE OffloadOptions {
    Priority priority = Priority::normal;
    OnCancel on_cancel = OnCancel::wait;
};

namespace detail {

/// The loop's side of an offloaded call, whatever it returns.
class EDDY_API OffloadWait : public Waiter {
public:
    [[nodiscard]] bool try_now() {
        if (submitted_) [[unlikely]] {
            throw_awaited();
        }
        return false;
    }
    void start();
    [[nodiscard]] const char* what() const noexcept override { return "run_in_executor"; }

protected:
    enum class WhenFull : bool { wait, refuse };

    OffloadWait(Executor* executor,
                const OffloadOptions& options,
                Work& work,
                WhenFull when_full = WhenFull::wait) noexcept
        : work_(&work), executor_(executor), on_cancel_(options.on_cancel), when_full_(when_full) {
        work.priority_ = options.priority;
    }
    /// One that can be awaited again: each `start` makes its work, and says `renew`. Withdrawn, its
    /// call is dropped at once, inside the cancellation, so it has nothing of the user's.
    OffloadWait(Executor* executor, OnCancel on_cancel) noexcept
        : work_(nullptr), executor_(executor), on_cancel_(on_cancel), when_full_(WhenFull::wait) {}
    ~OffloadWait() override {
        if (work_ != nullptr) [[unlikely]] {
            give_back();
        }
    }

    /// Throws what the call threw, if it did.
    void rethrow_error() {
        if (work_->error_) [[unlikely]] {
            throw_error();
        }
    }
    /// The executor had no room: the call is still here, and may be awaited again.
    [[nodiscard]] bool refused() const noexcept { return refused_; }
    /// Where it goes: null, the loop's default pool.
    [[nodiscard]] Executor* executor() const noexcept { return executor_; }
    void set_executor(Executor& executor) noexcept { executor_ = &executor; }
    /// The next call. Requires: no wait is under way.
    void renew(Work& work) noexcept;
    /// Of one that its executor has not taken: `start` threw.
    void drop_unsent() noexcept { std::exchange(work_, nullptr)->destroy(); }
    /// The latest call runs on without this: what it works on is not to be touched.
    [[nodiscard]] bool left_alone() const noexcept { return left_alone_; }
    /// Of one that has ended, before its result is taken: it threw; it stopped because it was told.
    [[nodiscard]] bool has_failed() const noexcept { return work_->error_ != nullptr; }
    [[nodiscard]] bool was_stopped() const noexcept;
    /// For who hears of it later.
    [[nodiscard]] std::exception_ptr move_error() noexcept {
        return std::exchange(work_->error_, nullptr);
    }
    /// What the call returned, or throws what it threw.
    template <class R>
    R take_result() {
        struct LetGo {
            OffloadWait& self;
            ~LetGo() { self.let_go(); }
        } let_go{*this};
        rethrow_error();
        return static_cast<WorkWithResult<R>*>(work_)->take_result();
    }
    /// The result has been taken, or nobody wants it.
    void let_go() noexcept {
        Work& work = *std::exchange(work_, nullptr);
        if (delivered_) [[likely]] {
            work.destroy();
        } else {
            leave(work);
        }
    }

    void unlink() noexcept override;
    void pass_on() noexcept override {
        if (!refused_ && work_ != nullptr) {
            let_go();
        }
    }
    [[nodiscard]] bool abort() noexcept override;
    [[nodiscard]] bool sever() noexcept override;

    Work* work_;  // null: given away, or done with

private:
    friend class eddy::Work;

    enum class Detached : std::uint8_t { no, withdrawn, abandoned };

    [[noreturn]] void throw_awaited() const;
    [[noreturn]] void throw_error();
    /// Never awaited, or withdrawn.
    void give_back() noexcept;
    /// To the inbox, which it will arrive in.
    static void leave(Work& work) noexcept;
    /// The worker's result has arrived in the inbox.
    void arrived() noexcept;
    /// Takes the work out of the queue, or leaves it to its worker, if it is not too late.
    [[nodiscard]] Detached detach(bool may_abandon) noexcept;
    void wait_over() noexcept;
    [[nodiscard]] JobInfo info() noexcept;
    /// True: the executor has it. Throws: whatever it says.
    [[nodiscard]] bool hand_over(Work& work);

    Executor* executor_;  // null: the loop's default pool
    OnCancel on_cancel_;
    WhenFull when_full_;
    bool refused_ = false;    // by the executor, in the latest await
    bool submitted_ = false;  // once: the call goes with it
    bool waiting_ = false;    // counted in LoopCore::in_flight
    bool delivered_ = false;  // the work came out of the inbox: it is ours to free
    bool withdrawn_ = false;  // the executor may still hold it: release, do not destroy
    bool renews_ = false;     // there will be another one
    bool left_alone_ = false;
    bool severed_ = false;  // the loop cut it off, just when it ended
};

}  // namespace detail

/// An offloaded call: what `run_in_executor` returns, to be awaited once.
template <class R>
class [[nodiscard]] EDDY_VISIBLE Offload final : public detail::OffloadWait {
public:
    Offload(Executor* executor,
            const OffloadOptions& options,
            detail::WorkWithResult<R>& work) noexcept
        : OffloadWait(executor, options, work) {}

    R take() { return take_result<R>(); }
};

}  // namespace eddy::inline v0_1
