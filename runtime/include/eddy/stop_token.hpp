// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <source_location>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/inbox.hpp>
#include <eddy/detail/nursery.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/own.hpp>
#include <eddy/scope.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>

/// The bridges between cancel scopes and `std::stop_token`, one for each direction.

namespace eddy::inline v0_1 {

namespace detail {

/// Cancels a scope when a token is stopped, by whatever thread.
///
/// What is needed to reach the loop from another thread is allocated here at the start, so that a
/// request to stop cannot fail.
class EDDY_API CancelOnStop final {
public:
    /// `reason`: what it says when the token is stopped; nothing, or an empty one: that it was.
    explicit CancelOnStop(CancelScope& scope, std::shared_ptr<const std::string> reason = nullptr);
    CancelOnStop(const CancelOnStop&) = delete;
    CancelOnStop& operator=(const CancelOnStop&) = delete;
    ~CancelOnStop();

    /// Any thread, once, while this lives.
    void operator()() noexcept;

private:
    class Message;

    std::shared_ptr<Message> message_;
};

template <class T>
Task<Maybe<T>> host_stop_token(std::stop_token token, Task<T> work) {
    CancelScope scope;
    CancelOnStop cancel(scope);
    const std::stop_callback on_stop(std::move(token), std::ref(cancel));
    co_return co_await run_in_scope(scope, std::move(work));
}

/// The caller's side of `with_stop_source`: a scope of its own with a job in it that waits for the
/// cancellation, so that what is registered with the token runs there and not inside `cancel`.
class EDDY_API StopHost final : private Nursery {
public:
    /// `place`: see `caller_place`.
    explicit StopHost(const std::source_location& place);
    ~StopHost();

    [[nodiscard]] std::stop_token token() const noexcept { return source_.get_token(); }

    /// The body has ended: the watching job is not needed any more. If it was not cancelled, a
    /// cancellation that the job has not seen yet comes too late to stop the token.
    void body_ended(bool cancelled) noexcept;
    [[nodiscard]] Nursery::Join join() noexcept { return Nursery::join(); }

private:
    void child_ended(Job&) noexcept override {}
    static Task<> watch(StopHost& host);

    Job& job_;
    std::stop_source source_;
    JobRef<Job> watcher_;
    bool stops_token_ = true;  // a cancellation does
};

template <class T, class F, class... Args>
Task<T> host_stop_source(F fn, Args... args) {
    const std::source_location place = co_await caller_place();
    StopHost host(place);
    std::optional<Outcome<T>> outcome;
    try {
        outcome.emplace(co_await outcome_of(std::invoke(fn, host.token(), std::move(args)...)));
    } catch (...) {  // a plain function, or one without a frame
        outcome.emplace(std::current_exception());
    }
    host.body_ended(outcome->cancelled());
    co_await host.join();
    if constexpr (std::is_void_v<T>) {
        outcome->value();
    } else {
        co_return outcome->value();
    }
}

}  // namespace detail

/// Runs the work, a task or `(fn, args...)`, until it ends or `token` is stopped, by any thread:
/// then it is cancelled. Empty (`false` for void) when that ended it, otherwise the result.
///
///     std::jthread worker([](std::stop_token stop) { run(with_stop_token(stop, serve())); });
///
/// A token that is stopped already cancels the work at its first checkpoint.
template <class... Work>
[[nodiscard]] auto with_stop_token(std::stop_token token, Work&&... work) {
    return detail::host_stop_token(std::move(token), detail::as_task(std::forward<Work>(work)...));
}
template <class T>
[[nodiscard]] auto with_stop_token(std::stop_token token, detail::ExpressionTask<T> work) {
    return detail::ExpressionTask(detail::host_stop_token(std::move(token), work.release()));
}

/// Runs `fn(token, args...)` with a token for code that knows nothing of Eddy: it is stopped when
/// the scope around this call is cancelled. Returns what `fn` returned.
///
///     co_await with_stop_source([](std::stop_token stop) -> Task<> {
///         co_await run_in_executor(render, stop);  // polls stop.stop_requested()
///     });
///
/// What is registered with the token is called from a job, soon after the cancellation and never
/// inside it; it may not throw. The token is not stopped when `fn` ends by itself, also if the
/// scope is cancelled in that very moment.
///
/// Cost: a job that waits.
template <class F, class... Args>
[[nodiscard]] auto with_stop_source(F&& fn, Args&&... args) {
    if constexpr (detail::check_task_call<F, std::stop_token, std::decay_t<Args>...>()) {
        using T = detail::task_result_t<std::decay_t<F>&, std::stop_token, std::decay_t<Args>...>;
        return detail::host_stop_source<T, std::decay_t<F>, std::decay_t<Args>...>(
            std::forward<F>(fn), std::forward<Args>(args)...);
    } else {
        return detail::refused();
    }
}

}  // namespace eddy::inline v0_1
