// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <ranges>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/map_bounded.hpp>
#include <eddy/outcome.hpp>
#include <eddy/own.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE BoundedExecutorStatistics {
    std::size_t limit = 0;
    std::size_t running = 0;
    std::size_t waiters = 0;    ///< begun, and waiting for their turn
    std::size_t completed = 0;  ///< that have succeeded or failed
    std::size_t total = 0;      ///< and those that are expected to
};

namespace detail {

class ExecutorCalls;
template <bool settled, class Item, class F, class... Args>
class ExecutorItem;

template <bool settled, class Items, class F, class... Args>
using ExecutorResults =
    Elements<typename ExecutorItem<settled, MappedItem<Items>, F, Args...>::Result>;

}  // namespace detail

/// Runs tasks, never more than `limit` at a time, and tells how far it has come.
///
///     BoundedExecutor executor(8, [](std::size_t completed, std::size_t total) { ... });
///     const std::vector<Page> pages = co_await executor.map(urls, fetch);
///     const Page page = co_await executor.execute(fetch, url);
///
/// It is `map_bounded` with a memory: several maps and single calls share one limit and one
/// progress. The work runs in the jobs that await it, so it ends with them. For CPU-heavy functions
/// see `run_in_executor`; to limit what jobs do by themselves, `Semaphore`.
///
/// Throws:       `std::invalid_argument` for a limit of zero or less; for the rest see each call.
/// Cancellation: what runs is cancelled, what has not begun does not; neither counts as completed.
/// Order:        work begins in order of arrival; the items of a map in theirs.
/// Lifetime:     outlives the work.
class EDDY_API BoundedExecutor final {
public:
    /// Called on the loop, after each success and each failure. What it throws goes to the
    /// observer: the work goes on.
    using Progress = std::function<void(std::size_t completed, std::size_t total)>;

    explicit BoundedExecutor(detail::Count limit, Progress progress = {});
    BoundedExecutor(const BoundedExecutor&) = delete;
    BoundedExecutor& operator=(const BoundedExecutor&) = delete;
    ~BoundedExecutor();

    [[nodiscard]] BoundedExecutorStatistics statistics() const;

    /// Runs a task, or `fn(args...)`, when there is room for it; returns and throws what that does.
    template <class... Work>
    [[nodiscard]] auto execute(Work&&... work) {
        return host(*this, detail::as_task(std::forward<Work>(work)...));
    }
    template <class T>
    [[nodiscard]] auto execute(detail::ExpressionTask<T> work) {
        return detail::ExpressionTask(host(*this, work.release()));
    }

    /// Runs `fn(item, args...)`, a task, for every item; returns the results in the order of the
    /// items. The first failure cancels the rest, and all else is as with `map_bounded`.
    template <class Items, class F, class... Args>
        requires std::ranges::input_range<std::decay_t<Items>>
    [[nodiscard]] auto map(Items&& items, F&& fn, Args&&... args) {
        if constexpr (detail::check_map_call<Items, F, std::decay_t<Args>...>()) {
            return host_map<false, std::decay_t<Items>, std::decay_t<F>, std::decay_t<Args>...>(
                *this,
                std::forward<Items>(items),
                std::forward<F>(fn),
                std::forward<Args>(args)...);
        } else {
            return detail::refused();
        }
    }

    /// The same, but a failure ends nothing: returns an `Outcome` for every item.
    template <class Items, class F, class... Args>
        requires std::ranges::input_range<std::decay_t<Items>>
    [[nodiscard]] auto map_settled(Items&& items, F&& fn, Args&&... args) {
        if constexpr (detail::check_map_call<Items, F, std::decay_t<Args>...>()) {
            return host_map<true, std::decay_t<Items>, std::decay_t<F>, std::decay_t<Args>...>(
                *this,
                std::forward<Items>(items),
                std::forward<F>(fn),
                std::forward<Args>(args)...);
        } else {
            return detail::refused();
        }
    }

private:
    friend class detail::ExecutorCalls;

    template <class T>
    static Task<T> host(BoundedExecutor& executor, Task<T> work);
    template <bool settled, class Items, class F, class... Args>
    static auto host_map(BoundedExecutor& executor, Items items, F fn, Args... args)
        -> Task<detail::ExecutorResults<settled, Items, F, Args...>>;

    LoopBound bound_;
    std::size_t limit_;
    Progress progress_;
    std::size_t completed_ = 0;
    std::size_t expected_ = 0;   // completions to come, as far as is known
    std::size_t under_way_ = 0;  // maps and single calls
    Semaphore slots_;
};

namespace detail {

/// Completions that an executor is to expect; what never came is taken off at the end.
class EDDY_API ExecutorCalls final {
public:
    /// Throws: `WrongThread`.
    explicit ExecutorCalls(BoundedExecutor& executor, std::size_t calls);
    ExecutorCalls(const ExecutorCalls&) = delete;
    ExecutorCalls& operator=(const ExecutorCalls&) = delete;
    ~ExecutorCalls();

    [[nodiscard]] Semaphore::Acquire slot() { return executor_.slots_.acquire(); }
    void completed_one() noexcept;

private:
    BoundedExecutor& executor_;
    std::size_t left_;
};

/// One item's work: waits for its turn, and says when it has succeeded or failed.
template <bool settled, class Item, class F, class... Args>
class ExecutorItem final {
public:
    using Value = task_result_t<F&, Item, Args&...>;
    using Result = std::conditional_t<settled, Outcome<Value>, Value>;

    /// `known` is null when nobody knows how many items there are.
    explicit ExecutorItem(BoundedExecutor& executor, ExecutorCalls* known, F fn)
        : executor_(executor), known_(known), settled_(std::move(fn)) {}

    [[nodiscard]] Task<Result> operator()(Item item, Args&... args) {
        return run(*this, std::forward<Item>(item), args...);
    }

private:
    static Task<Result> run(ExecutorItem& self, Item item, Args&... args) {
        ExecutorCalls own(self.executor_, self.known_ != nullptr ? 0 : 1);
        ExecutorCalls* calls = self.known_ != nullptr ? self.known_ : &own;
        const Permit permit = co_await calls->slot();
        Outcome<Value> outcome = co_await self.settled_(std::forward<Item>(item), args...);
        calls->completed_one();
        if constexpr (settled) {
            co_return std::move(outcome);
        } else {
            co_return outcome.value();
        }
    }

    BoundedExecutor& executor_;
    ExecutorCalls* known_;
    SettledCall<Item, F, Args...> settled_;
};

}  // namespace detail

template <class T>
Task<T> BoundedExecutor::host(BoundedExecutor& executor, Task<T> work) {
    detail::ExecutorCalls call(executor, 1);
    const Permit permit = co_await call.slot();
    Outcome<T> outcome = co_await detail::outcome_of(std::move(work));
    if (!outcome.cancelled()) {
        call.completed_one();
    }
    co_return outcome.value();
}

template <bool settled, class Items, class F, class... Args>
auto BoundedExecutor::host_map(BoundedExecutor& executor, Items items, F fn, Args... args)
    -> Task<detail::ExecutorResults<settled, Items, F, Args...>> {
    using Item = detail::ExecutorItem<settled, detail::MappedItem<Items>, F, Args...>;
    std::size_t known = 0;
    if constexpr (std::ranges::sized_range<Items>) {
        known = static_cast<std::size_t>(std::ranges::size(items));
    }
    detail::ExecutorCalls calls(executor, known);
    Item work(executor, std::ranges::sized_range<Items> ? &calls : nullptr, std::move(fn));
    co_return co_await detail::host_map<Items, std::reference_wrapper<Item>, Args...>(
        executor.limit_, std::move(items), std::ref(work), std::move(args)...);
}

}  // namespace eddy::inline v0_1
