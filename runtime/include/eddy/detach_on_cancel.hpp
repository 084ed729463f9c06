// SPDX-License-Identifier: MIT
#pragma once

#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/check_call.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace eddy::inline v0_1 {

namespace detail {

template <class T>
Task<T> host_detached(Task<T> work, std::source_location where) {
    co_await checkpoint();  // before it has started, it does not start
    JoinHandle<T> handle = spawn(std::move(work), where);
    if constexpr (std::is_void_v<T>) {
        co_await handle;
    } else {
        co_return co_await handle;
    }
}

template <class T, class F, class... Args>
Task<T> host_detached_call(F fn, Args... args) {
    const std::source_location place = co_await caller_place();
    co_await checkpoint();
    JoinHandle<T> handle = spawn({.where = place}, std::move(fn), std::move(args)...);
    if constexpr (std::is_void_v<T>) {
        co_await handle;
    } else {
        co_return co_await handle;
    }
}

}  // namespace detail

/// Waits for the work, a task or `(fn, args...)`, but does not take it along: when the caller is
/// cancelled, `Cancelled` is thrown at once and the work goes on alone.
///
///     co_await detach_on_cancel(flush(cache));  // a timeout out here does not tear it
///
/// The work runs as a job of the loop's root group from the start: scopes and deadlines around the
/// caller do not reach it, the end of the loop does. To wait for it all the same, use `shield`.
///
/// Throws:       what the work throws; its failure after the caller has left goes to the observer.
/// Cancellation: the work goes on; it does not start in a job that is cancelled already.
/// Lifetime:     the work may not refer to the caller's frame.
template <class T>
[[nodiscard]] Task<T> detach_on_cancel(
    Task<T> work, std::source_location where = std::source_location::current()) {
    return detail::host_detached(std::move(work), where);
}
template <class T>
[[nodiscard]] Task<T> detach_on_cancel(detail::ExpressionTask<T> work) {
    return detach_on_cancel(Task<T>(work));  // does not compile, and says why
}
template <class F, class... Args>
    requires detail::NotTask<F>
[[nodiscard]] auto detach_on_cancel(F&& fn, Args&&... args) {
    if constexpr (detail::check_task_call<F, std::decay_t<Args>...>()) {
        using T = detail::task_result_t<std::decay_t<F>&, std::decay_t<Args>...>;
        return detail::host_detached_call<T, std::decay_t<F>, std::decay_t<Args>...>(
            std::forward<F>(fn), std::forward<Args>(args)...);
    } else {
        return detail::refused();
    }
}

}  // namespace eddy::inline v0_1
