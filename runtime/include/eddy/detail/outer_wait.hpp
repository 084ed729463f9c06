// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/promise.hpp>
#include <eddy/detail/wait_owner.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1::detail {

/// A place for an operation, which is pinned: made there by what returns it, anew for each use.
template <class Op>
class OperationSlot final {
public:
    OperationSlot() noexcept {}
    OperationSlot(const OperationSlot&) = delete;
    OperationSlot& operator=(const OperationSlot&) = delete;
    ~OperationSlot() { reset(); }

    template <class Make>
    Op& emplace(Make&& make) {
        reset();
        Op* const made = ::new (static_cast<void*>(&slot)) Op(std::forward<Make>(make)());
        full_ = true;
        return *made;
    }
    void reset() noexcept {
        if (std::exchange(full_, false)) {
            // By launder, as g++ 12 warns users of a slot that nothing was made in otherwise.
            std::destroy_at(std::launder(&slot));
        }
    }
    [[nodiscard]] bool full() const noexcept { return full_; }
    [[nodiscard]] Op& operator*() noexcept { return slot; }
    [[nodiscard]] Op* operator->() noexcept { return &slot; }

private:
    union {
        Op slot;
    };
    bool full_ = false;
};

/// A wait that is made of another one, the inner: it is what the job waits in, or the `select`, and
/// the inner one tells it of its end. What wrappers of streams are made of.
///
/// Of itself it ends when the inner one does. Its `try_now` asks the inner operation and, if that
/// has finished at once, says `holds`; its `start` is `start_inner`; its `take` begins with `left`.
///
/// Invariant: inner_ is the operation that is queued for this one, or that is committed and has not
///            been taken; null in between, and whenever this one is idle or done.
class EDDY_API OuterWait : public Waiter, protected WaitOwner {
protected:
    OuterWait() noexcept = default;
    ~OuterWait() override = default;

    /// Has `op` wait, for the job that waits in this. Throws what its `start` throws.
    template <class Op>
    void start_inner(Op& op) {
        enter(op);
        try {
            op.start();
        } catch (...) {
            left();
            throw;
        }
    }
    /// `op` has finished at once, and its result is still to be taken.
    void holds(Waiter& op) noexcept;
    /// It has ended, and whoever calls this takes its result, or drops it.
    void left() noexcept;
    [[nodiscard]] Waiter* inner() const noexcept { return inner_; }

    void committed(Waiter& operation, bool willing) noexcept override;
    void unlink() noexcept override;
    void pass_on() noexcept override;
    [[nodiscard]] bool abort() noexcept override;
    [[nodiscard]] bool sever() noexcept override;
    void catch_up() noexcept override;

private:
    void enter(Waiter& op) noexcept;

    Waiter* inner_ = nullptr;
};

/// A wait that is made of several, one after the other: each time one has ended, it looks whether
/// that is enough, and if not waits in the next.
///
/// It looks when the loop calls it, as the job that waits, soon after and never inside the wake-up
/// (rule R1), which may be in the middle of something. Until then the end of the inner wait is
/// known, and not what it brought. Should this wait be given up meanwhile, `collect` is called all
/// the same: what came is kept for the next operation. Before a cancellation aborts it, it is
/// brought up to date, so that what came in the same moment wins. What it calls may end it, too.
///
/// Where the inner operation is surely the last, `committed` may be `OuterWait`'s: this wait has
/// ended with it, and `take` takes what it brought.
///
/// The derived class has `try_now`, which calls `begin` first and then tries as far as possible
/// without waiting; `start`, which is `start_inner`; and `take`, which calls `conclude` first. As
/// far as possible is not for ever: after `at_once` operations that did not wait the others have
/// their turn, `go_on_later`.
class EDDY_API SteppedWait : public OuterWait, private LoopCallback {
protected:
    /// As many operations of a stream may finish at once in a row as keep the loop for less than
    /// its turn's quota, at 64 KiB each.
    static constexpr unsigned at_once = 16;

    SteppedWait() noexcept = default;
    ~SteppedWait() override = default;

    /// It is like new.
    void begin() noexcept {
        failure_ = nullptr;
        asked_to_end_ = severed_ = false;
    }
    /// Somebody has tried to end it while the inner operation was in flight.
    [[nodiscard]] bool asked_to_end() const noexcept { return asked_to_end_; }
    /// Throws what the wait failed with.
    void conclude() {
        if (failure_ || asked_to_end_ || severed_) [[unlikely]] {
            throw_failure();
        }
    }

    /// Nobody waits for it any more, but the inner operation has ended: collects what it brought.
    void collect_lost() noexcept;

    /// In place of `start_inner`: there is more to do, but others go first. The loop will call
    /// `proceed`.
    void go_on_later() noexcept;

    void committed(Waiter& operation, bool willing) noexcept override;
    void unlink() noexcept override;
    void pass_on() noexcept override;
    [[nodiscard]] bool abort() noexcept override;
    [[nodiscard]] bool sever() noexcept override;
    void catch_up() noexcept override;

private:
    /// Takes what the inner operation brought (it has `left`), and keeps it where nothing is lost.
    /// What it throws fails this wait.
    virtual void collect() = 0;
    /// After `collect`: true if that was enough, else it has called `start_inner` again, or
    /// `go_on_later`.
    [[nodiscard]] virtual bool proceed() = 0;
    /// This wait has ended, and will not be taken: cancelled, not chosen, destroyed, cut off.
    virtual void given_up() noexcept {}

    void call() override { advance(); }
    void advance() noexcept;
    void keep() noexcept;
    [[noreturn]] void throw_failure();

    // Invariant: pending_ if and only if the loop is to call; this one is queued then, and the
    // inner operation committed, or there is none.
    std::exception_ptr failure_;
    bool pending_ = false;
    bool asked_to_end_ = false;  // aborted while the inner operation was in flight, or by itself
    bool severed_ = false;       // by the end of the loop, when it had looked
    bool advancing_ = false;     // what it calls now may end it, or be a step of its select
};

}  // namespace eddy::inline v0_1::detail
