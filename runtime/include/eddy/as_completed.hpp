// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/collecting_nursery.hpp>
#include <eddy/detail/completion_queue.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/outcome.hpp>
#include <eddy/own.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// Children whose ends are handed over one by one, in order.
class EDDY_API DeliveringNursery final : public CollectingNursery {
public:
    /// `settled`: failures are handed over too, and cancel nobody.
    explicit DeliveringNursery(bool settled, const std::source_location& place)
        : CollectingNursery("suppressed by as_completed: job", place), settled_(settled) {}

    void expect(std::size_t count) noexcept;
    [[nodiscard]] bool exhausted() const noexcept { return ended_.exhausted(); }
    [[nodiscard]] CompletionQueue::Next next() noexcept { return ended_.next(); }

    /// Nothing more is delivered, because of `error` if there is one; the rest is cancelled then.
    void stop(const std::exception_ptr& error) noexcept;

private:
    void child_ended(Job& child) noexcept override;

    CompletionQueue ended_;
    bool settled_;
    bool stopped_ = false;
};

template <class T, class F, class... Args>
inline constexpr bool takes_value = std::is_invocable_v<F&, std::size_t, T, Args&...>;
template <class F, class... Args>
inline constexpr bool takes_value<void, F, Args...> =
    std::is_invocable_v<F&, std::size_t, Args&...>;

/// Calls a plain function, or runs the task that the function makes.
template <class F, class... Args>
[[nodiscard]] Task<> call_or_run(F& fn, Args&&... args) {
    using Result = std::invoke_result_t<F&, Args&&...>;
    if constexpr (is_task<Result>) {
        static_cast<void>(co_await std::invoke(fn, std::forward<Args>(args)...));
    } else {
        static_cast<void>(std::invoke(fn, std::forward<Args>(args)...));
        co_return;
    }
}

/// One job's outcome, to `fn`.
template <class T, class F, class... Args>
[[nodiscard]] Task<> deliver(JobOf<T>& job, std::size_t index, F& fn, Args&... args) {
    if constexpr (!takes_value<T, F, Args...>) {
        Outcome<T> outcome = outcome_of_job(job);
        co_await call_or_run(fn, std::size_t{index}, std::move(outcome), args...);
    } else if constexpr (std::is_void_v<T>) {
        co_await call_or_run(fn, std::size_t{index}, args...);
    } else if constexpr (std::is_reference_v<T>) {
        co_await call_or_run(fn, std::size_t{index}, static_cast<T>(**job.value), args...);
    } else {
        co_await call_or_run(fn, std::size_t{index}, std::move(*job.value), args...);
    }
}

template <class T, class F, class... Args>
Task<> deliver_all(DeliveringNursery& nursery, const JobId& first, F& fn, Args&... args) {
    while (!nursery.exhausted()) {
        const JobRef<Job> job = co_await nursery.next();
        if (!job) {
            break;
        }
        co_await deliver<T>(static_cast<JobOf<T>&>(*job), job->id - first, fn, args...);
    }
}

template <class T, class F, class... Args>
Task<> host_as_completed(std::vector<Task<T>> tasks, F fn, Args... args) {
    const std::source_location place = co_await caller_place();
    DeliveringNursery nursery(!takes_value<T, F, Args...>, place);
    JobId first = 0;  // the others' ids follow
    Task<> deliveries = deliver_all<T>(nursery, first, fn, args...);
    JobRefs<T> jobs = make_jobs(tasks);
    nursery.expect(jobs.size());
    start_all(nursery, jobs);
    if (!jobs.empty()) {
        first = jobs.front()->id;
    }
    jobs.clear();  // each result goes when it has been delivered
    auto delivery = co_await outcome_of(std::move(deliveries));
    nursery.stop(delivery.error());
    co_await nursery.join();
    nursery.leave();
    delivery.value();
}

}  // namespace detail

/// Runs the tasks concurrently and calls `fn(index, value, args...)` for each result as it arrives;
/// `index` is the task's place in `tasks`, void tasks have no value. Returns when all are done.
///
///     co_await as_completed(std::move(downloads), [&](std::size_t index, Page page) {
///         std::cout << urls[index] << ": " << page.size() << " bytes\n";
///     });
///
/// `fn` is a plain function, or returns a task, which is awaited; it is called for one result at a
/// time, by the calling job, while the other tasks run on. A failing task cancels the rest at once;
/// what had been completed before is delivered, then the failure comes out. An `fn` that takes
/// `(index, Outcome<T>)` is told of failures instead, and they cancel nobody. To leave early, throw
/// from `fn`; to add tasks on the way, use `JoinSet`.
///
/// Throws:       the first failure in time, of a task or of `fn`, as it was thrown, after the rest
///               was cancelled and has ended. What fails after it goes to the observer.
/// Cancellation: each step is a checkpoint. The tasks are cancelled and awaited; results not
///               delivered by then are dropped.
/// Order:        of completion.
/// Lifetime:     `fn` and `args` are kept here; `args` are passed as lvalues.
template <class T, class F, class... Args>
[[nodiscard]] Task<> as_completed(std::vector<Task<T>> tasks, F&& fn, Args&&... args) {
    EDDY_CHECK_CALLABLE(F);
    return detail::host_as_completed<T, std::decay_t<F>, std::decay_t<Args>...>(
        std::move(tasks), std::forward<F>(fn), std::forward<Args>(args)...);
}

}  // namespace eddy::inline v0_1
