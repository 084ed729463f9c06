// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/detail/check_call.hpp>
#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/task.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// A function that waits for its moment. Keeps itself alive until it is called, cancelled, or the
/// loop ends.
class EDDY_API TimedCall : private DeadlineNode, private LoopCallback, private CloseListener {
public:
    /// Throws: `InvalidState` outside a loop, `LoopClosed` when the loop is ending.
    static void schedule(std::shared_ptr<TimedCall> call, TimePoint when);
    [[nodiscard]] static TimePoint from_now(Duration delay);

    [[nodiscard]] bool pending() const {
        bound_.check("TimerHandle::pending");
        return self_ != nullptr;
    }

    /// True: it was pending, and will not be called.
    bool cancel();

protected:
    TimedCall() = default;
    ~TimedCall() override = default;

private:
    virtual void invoke() = 0;
    virtual void drop() noexcept = 0;  // the function and its arguments

    void due() noexcept override;
    void call() override;
    void loop_closing() noexcept override;
    void withdraw() noexcept;

    // Invariant: self_ is set while it is in the heap, or queued as a callback; and it is among the
    // close listeners as long.
    std::shared_ptr<TimedCall> self_;
    LoopCore* core_ = nullptr;
    LoopBound bound_;
};

template <class F, class... Args>
class TimedCallOf final : public TimedCall {
public:
    template <class Fn, class... As>
    explicit TimedCallOf(std::in_place_t, Fn&& fn, As&&... args) {
        call_.emplace(std::forward<Fn>(fn), std::forward<As>(args)...);
    }

private:
    void invoke() override {
        struct Dropper {  // what it keeps goes even if the function throws
            TimedCallOf* self;
            ~Dropper() { self->call_.reset(); }
        } dropper{this};
        std::apply([](F& fn, Args&... args) { std::invoke(fn, std::move(args)...); }, *call_);
    }
    void drop() noexcept override { call_.reset(); }

    std::optional<std::tuple<F, Args...>> call_;
};

/// A plain function, called as `fn(called...)`.
template <class F, class... Called>
consteval bool check_timed_call() {
    if constexpr (!check_plain_call<F, Called...>()) {
        return false;
    } else {
        constexpr bool plain = !is_task<std::invoke_result_t<std::decay_t<F>&, Called...>>;
        static_assert(
            plain,
            "call_later calls a plain function: to start a task, spawn one that sleeps first");
        return plain;
    }
}

}  // namespace detail

/// A call that `call_later` has promised. Dropping the handle does not take it back.
///
/// Throws: `WrongThread` off its loop's thread; the handle may be dropped anywhere.
class EDDY_VISIBLE TimerHandle final {
public:
    TimerHandle() noexcept = default;
    explicit TimerHandle(std::shared_ptr<detail::TimedCall> call) noexcept
        : call_(std::move(call)) {}

    /// True until the function is called, cancelled, or dropped with its loop.
    [[nodiscard]] bool pending() const { return call_ && call_->pending(); }

    /// Takes the call back; the function and its arguments are destroyed now. False: too late.
    bool cancel() { return call_ && call_->cancel(); }

private:
    std::shared_ptr<detail::TimedCall> call_;
};

/// Has the loop call `fn(args...)` at `when`, on its thread, between jobs. In the past: soon, but
/// never inside this call.
///
///     TimerHandle reminder = call_later(30s, [&session] { session.warn(); });
///     ...
///     reminder.cancel();
///
/// For callbacks, and code that comes from them; a job that wants to wait sleeps. The function runs
/// outside any job, so it cannot await; it may spawn. What it throws goes to the observer.
///
/// Throws:   `InvalidState` outside a loop, `LoopClosed` when the loop is ending.
/// Order:    by time, then by order of the calls of `call_at`. What is due is called after all
///           deadlines of the turn: a scope that ends at the same moment has been cancelled by
///           then.
/// Requires: with g++ 12, no closure with captures that is written inside a `co_await` expression:
///           give it a statement of its own (README, "If you compile with g++ 12").
/// Lifetime: a call that is pending when the loop ends is dropped uncalled, also one whose moment
///           has come in a turn that had too many of them.
/// Cost:     one allocation, O(log n) for n deadlines.
/// Source:   asyncio; there, too, dropping the handle does not cancel.
template <class F, class... Args>
TimerHandle call_at(TimePoint when, F&& fn, Args&&... args) {
    if constexpr (detail::check_timed_call<F, std::decay_t<Args>...>()) {
        using Call = detail::TimedCallOf<std::decay_t<F>, std::decay_t<Args>...>;
        std::shared_ptr<detail::TimedCall> call =
            std::make_shared<Call>(std::in_place, std::forward<F>(fn), std::forward<Args>(args)...);
        detail::TimedCall::schedule(call, when);
        return TimerHandle(std::move(call));
    } else {
        return TimerHandle();
    }
}

/// The same, `delay` from now.
template <class F, class... Args>
TimerHandle call_later(Duration delay, F&& fn, Args&&... args) {
    if constexpr (detail::check_timed_call<F, std::decay_t<Args>...>()) {
        return call_at(
            detail::TimedCall::from_now(delay), std::forward<F>(fn), std::forward<Args>(args)...);
    } else {
        return TimerHandle();
    }
}

}  // namespace eddy::inline v0_1
