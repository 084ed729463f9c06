// SPDX-License-Identifier: MIT
#pragma once

#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/check_call.hpp>
#include <eddy/detail/collecting_nursery.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/outcome.hpp>
#include <eddy/task.hpp>

/// Several tasks at the same time, all of their results: `gather` and `gather_settled`.
///
///     const auto [user, orders] = co_await gather(fetch_user(id), fetch_orders(id));
///     const std::vector<Page> pages = co_await gather(std::move(page_tasks));
///
/// Each task becomes a job, and the call returns when all of them have ended. For jobs that come
/// and go, see `TaskGroup`; for results as they arrive, `as_completed` and `JoinSet`; for a limit
/// on how many run, `map_bounded`; for the first of them only, `race`.
///
/// Cancellation: no checkpoint of its own. A cancelled caller cancels the tasks and waits for them;
///               if that cost one of them its result, `Cancelled` comes out; otherwise the results
///               do, and the caller's next checkpoint throws.
/// Order:        the tasks start in the order of the arguments; results stand in that order.
/// Source:       asyncio's gather, but nobody is left running, and anyio's cancellation.

namespace eddy::inline v0_1 {

namespace detail {

/// In a tuple references stay what they are.
template <class T>
using Slot = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
[[nodiscard]] Slot<T> take_slot(JobOf<T>& job) {
    if constexpr (std::is_void_v<T>) {
        take_result(job);
        return {};
    } else {
        return take_result(job);
    }
}

}  // namespace detail

/// Runs the tasks concurrently and returns their results in order; void counts as `std::monostate`,
/// references stay references. Without tasks it returns at once.
///
/// Throws: the first failure in time, as it was thrown, after the others were cancelled and have
///         ended. What fails after it goes to the observer. A task that was cancelled for itself
///         counts as one that failed with `JobCancelled`.
template <class... Ts>
[[nodiscard]] Task<std::tuple<detail::Slot<Ts>...>> gather(Task<Ts>... tasks) {
    const std::source_location place = co_await detail::caller_place();
    detail::GatherNursery nursery("suppressed by gather: job", place);
    const detail::JobTuple<Ts...> jobs(detail::make_job(std::move(tasks))...);
    detail::start_all<Ts...>(nursery, jobs);
    co_await nursery.join();
    nursery.leave();
    co_return std::apply(
        [](const auto&... job) {
            return std::tuple<detail::Slot<Ts>...>(detail::take_slot<Ts>(*job)...);
        },
        jobs);
}

/// The same with tasks that refer to temporaries (`fail_after(1s, queue.get())`): it is awaited in
/// the same expression then.
template <class... Tasks>
    requires detail::ExpressionTasks<Tasks...>
[[nodiscard]] auto gather(Tasks... tasks) {
    return detail::ExpressionTask(gather(detail::release(tasks)...));
}
/// This does not compile, and says why.
template <class... Work>
    requires(!detail::AnyTask<std::remove_cvref_t<Work>> || ...)
Task<> gather(Work&&...) {
    (detail::refuse_unless_task<Work>(), ...);
    return detail::refused();
}

/// The same for any number of tasks of one type: a vector of the results (nothing for void,
/// `std::reference_wrapper` for references).
template <class T>
[[nodiscard]] Task<detail::Elements<T>> gather(std::vector<Task<T>> tasks) {
    const std::source_location place = co_await detail::caller_place();
    detail::GatherNursery nursery("suppressed by gather: job", place);
    const detail::JobRefs<T> jobs = detail::make_jobs(tasks);
    detail::start_all(nursery, jobs);
    co_await nursery.join();
    nursery.leave();
    if constexpr (!std::is_void_v<T>) {
        detail::Elements<T> results;
        results.reserve(jobs.size());
        for (const auto& job : jobs) {
            results.push_back(detail::take_element(*job));
        }
        co_return results;
    }
}

/// Runs the tasks concurrently and returns how each of them ended: a failure cancels nobody. A task
/// that was cancelled for itself is an outcome too; when the caller is cancelled, `Cancelled` is
/// thrown, and failures that are lost with it go to the observer.
///
///     const auto [mirror_a, mirror_b] = co_await gather_settled(ping(a), ping(b));
///     if (mirror_a.has_value()) ...
template <class... Ts>
[[nodiscard]] Task<std::tuple<Outcome<Ts>...>> gather_settled(Task<Ts>... tasks) {
    const std::source_location place = co_await detail::caller_place();
    detail::SettledNursery nursery("suppressed by gather_settled: job", place);
    const detail::JobTuple<Ts...> jobs(detail::make_job(std::move(tasks))...);
    detail::start_all<Ts...>(nursery, jobs);
    co_await nursery.join();
    if (nursery.interrupted()) {
        std::apply([&nursery](const auto&... job) { (nursery.suppress(*job), ...); }, jobs);
    }
    nursery.leave();
    co_return std::apply(
        [](const auto&... job) {
            return std::tuple<Outcome<Ts>...>(detail::outcome_of_job<Ts>(*job)...);
        },
        jobs);
}

template <class... Tasks>
    requires detail::ExpressionTasks<Tasks...>
[[nodiscard]] auto gather_settled(Tasks... tasks) {
    return detail::ExpressionTask(gather_settled(detail::release(tasks)...));
}
/// This does not compile, and says why.
template <class... Work>
    requires(!detail::AnyTask<std::remove_cvref_t<Work>> || ...)
Task<> gather_settled(Work&&...) {
    (detail::refuse_unless_task<Work>(), ...);
    return detail::refused();
}

template <class T>
[[nodiscard]] Task<std::vector<Outcome<T>>> gather_settled(std::vector<Task<T>> tasks) {
    const std::source_location place = co_await detail::caller_place();
    detail::SettledNursery nursery("suppressed by gather_settled: job", place);
    const detail::JobRefs<T> jobs = detail::make_jobs(tasks);
    detail::start_all(nursery, jobs);
    co_await nursery.join();
    if (nursery.interrupted()) {
        for (const auto& job : jobs) {
            nursery.suppress(*job);
        }
    }
    nursery.leave();
    std::vector<Outcome<T>> outcomes;
    outcomes.reserve(jobs.size());
    for (const auto& job : jobs) {
        outcomes.push_back(detail::outcome_of_job<T>(*job));
    }
    co_return outcomes;
}

}  // namespace eddy::inline v0_1
