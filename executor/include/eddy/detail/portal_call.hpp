// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include <eddy/detail/blocking_region.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/promise.hpp>
#include <eddy/outcome.hpp>
#include <eddy/scope.hpp>
#include <eddy/stop_token.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

namespace eddy::inline v0_1::detail {

/// What a function gives a portal: the T of its Task<T>, or what it returns.
template <class R>
struct PortalResult {
    using type = R;
};
template <class T>
struct PortalResult<Task<T>> {
    using type = T;
};
template <class F, class... Args>
using portal_result_t = typename PortalResult<std::invoke_result_t<F&, Args...>>::type;

/// Why a call that was dropped unanswered has no result: the loop is over; or it goes on, and had
/// no memory for the job.
[[nodiscard]] EDDY_API std::exception_ptr portal_dropped() noexcept;
/// `cancelled`: the `Cancelled` that ended it.
[[nodiscard]] EDDY_API std::exception_ptr portal_job_cancelled(
    const std::exception_ptr& cancelled) noexcept;

/// What a cancelled portal job means to who asked for it, as a plain `Cancelled` must not reach
/// somebody who was not cancelled.
template <class T>
void translate_cancellation(Outcome<T>& outcome, bool caller_cancelled) noexcept {
    if (outcome.cancelled() && !caller_cancelled) {
        outcome = Outcome<T>(portal_job_cancelled(outcome.error()));
    }
}

/// Answers through a future; if the loop drops it, with `portal_dropped()`.
///
/// The promise goes as soon as it is kept: the caller's thread is to have the last reference to an
/// exception.
template <class T>
class FutureReply final {
public:
    FutureReply() : promise_(std::in_place) {}
    FutureReply(FutureReply&& other) noexcept
        : promise_(std::exchange(other.promise_, std::nullopt)) {}
    FutureReply& operator=(FutureReply&&) = delete;
    ~FutureReply() {
        if (promise_) {
            settle(Outcome<T>(portal_dropped()), false);
        }
    }

    [[nodiscard]] std::future<T> future() { return promise_->get_future(); }

    /// Who takes the result is no job, so that no `Cancelled` is its own, whoever cancelled.
    void settle(Outcome<T>&& outcome, bool) noexcept {
        translate_cancellation(outcome, false);
        std::promise<T> promise = std::move(*promise_);
        promise_.reset();
        std::exception_ptr error = outcome.error();
        if (!error) {
            error = keep_value(promise, outcome);
        }
        if (error) {
            outcome = Outcome<T>();
            promise.set_exception(std::move(error));
        }
    }

private:
    /// Returns what moving the value has thrown.
    static std::exception_ptr keep_value(std::promise<T>& promise, Outcome<T>& outcome) noexcept {
        try {
            if constexpr (std::is_void_v<T>) {
                promise.set_value();
            } else {
                promise.set_value(outcome.value());
            }
            return nullptr;
        } catch (...) {
            return std::current_exception();
        }
    }

    std::optional<std::promise<T>> promise_;
};

/// Where a thread waits for the answer to its call.
template <class T>
struct CallSlot {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<Outcome<T>> outcome;

    [[nodiscard]] Outcome<T> wait(BlockingRegion& region) {
        std::unique_lock lock(mutex);
        region.wait(ready, lock, [this] { return outcome.has_value(); });
        return std::move(*outcome);
    }
};

/// Answers a thread that waits.
template <class T>
class CallReply final {
public:
    explicit CallReply(std::shared_ptr<CallSlot<T>> slot) noexcept : slot_(std::move(slot)) {}
    CallReply(CallReply&& other) noexcept = default;
    CallReply& operator=(CallReply&&) = delete;
    ~CallReply() {
        if (slot_) {
            settle(Outcome<T>(portal_dropped()), false);
        }
    }

    void settle(Outcome<T>&& outcome, bool caller_cancelled) noexcept {
        translate_cancellation(outcome, caller_cancelled);
        const std::shared_ptr<CallSlot<T>> slot = std::move(slot_);
        {
            const std::lock_guard lock(slot->mutex);
            try {
                slot->outcome.emplace(std::move(outcome));
            } catch (...) {  // moving the value: the thread must not wait for ever
                slot->outcome.emplace(std::current_exception());
            }
        }
        slot->ready.notify_one();
    }

private:
    std::shared_ptr<CallSlot<T>> slot_;
};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
// The frame holds a closure, whose type has no linkage: as it should be.
#pragma GCC diagnostic ignored "-Wsubobject-linkage"
#endif
/// `fn(args...)` as a task, whether it returns one or not; cancelled before it began, it does not.
template <class T, class F, class... Args>
Task<T> portal_body(F fn, Args... args) {
    co_await checkpoint();
    if constexpr (!is_task<std::invoke_result_t<F&, Args...>>) {
        co_return std::invoke(fn, std::move(args)...);
    } else if constexpr (std::is_void_v<T>) {
        co_await std::invoke(fn, std::move(args)...);
    } else {
        co_return co_await std::invoke(fn, std::move(args)...);
    }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/// The job a portal call becomes: cancelled when `token` is stopped, and if `reason` is something
/// by then, for that.
template <class Reply, class T>
Task<> portal_job(Reply reply,
                  std::stop_token token,
                  std::shared_ptr<const std::string> reason,
                  Task<T> body) {
    Outcome<T> outcome;
    bool linked = false;
    try {
        CancelScope scope;
        CancelOnStop cancel(scope, std::move(reason));
        const std::stop_callback on_stop(std::move(token), std::ref(cancel));
        ScopeEntry entry(scope);
        outcome = co_await outcome_of(std::move(body));
        linked = scope.cancel_called();
        static_cast<void>(entry.leave_absorbing());
    } catch (...) {  // no memory for one of these
        outcome = Outcome<T>(std::current_exception());
    }
    reply.settle(std::move(outcome), linked);
}

/// Travels to the loop with a task that another thread has made, and starts it there.
class EDDY_API PortalStart final {
public:
    explicit PortalStart(Task<> job, const std::source_location& where) noexcept
        : job_(std::move(job)), where_(where) {}
    /// When the loop takes no more jobs, the task goes without having run, and its reply says so.
    void operator()();

private:
    Task<> job_;
    std::source_location where_;
};

}  // namespace eddy::inline v0_1::detail
