// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/collecting_nursery.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/outcome.hpp>
#include <eddy/own.hpp>
#include <eddy/report_failure.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

namespace eddy::inline v0_1::detail {

EDDY_API void require_limit(std::size_t limit);

/// Items out of a container that is ours are moved, those of a view are what the view says.
template <class Items>
using MappedItem = std::conditional_t<std::ranges::view<Items>,
                                      std::ranges::range_reference_t<Items>,
                                      std::ranges::range_rvalue_reference_t<Items>>;

template <class T>
inline constexpr bool is_outcome = false;
template <class T>
inline constexpr bool is_outcome<Outcome<T>> = true;

template <class Items, class F, class... Args>
using map_result_t = task_result_t<F&, MappedItem<Items>, Args&...>;

/// The work of one `map_bounded`: lives in its coroutine, shared by its workers.
template <class Items, class F, class... Args>
class Mapping final {
public:
    using Result = map_result_t<Items, F, Args...>;

    template <class I, class Fn, class... As>
    Mapping(std::size_t limit, I&& items, Fn&& fn, As&&... args)
        : items_(std::forward<I>(items)),
          fn_(std::forward<Fn>(fn)),
          args_(std::forward<As>(args)...),
          limit_(limit),
          next_(std::ranges::begin(items_)) {}
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    [[nodiscard]] bool has_more() { return next_ != std::ranges::end(items_); }

    /// The next item, for `start`. Requires: there is one.
    [[nodiscard]] MappedItem<Items> current() {
        if constexpr (std::ranges::view<Items>) {
            return *next_;
        } else {
            return std::ranges::iter_move(next_);
        }
    }
    /// Its task.
    [[nodiscard]] Task<Result> start(MappedItem<Items>&& item) {
        auto task = std::apply(
            [&](Args&... args) {
                return std::invoke(fn_, std::forward<MappedItem<Items>>(item), args...);
            },
            args_);
        ++next_;
        return task;
    }

    /// Starts one more worker if there is something to do for it.
    void grow(CollectingNursery& nursery) {
        if (workers_ < limit_ && has_more()) {
            const auto job = make_job(work(nursery, *this));
            ++workers_;
            nursery.start(*job);
        }
    }

    /// A place for the result of the item that was taken last.
    [[nodiscard]] std::size_t add_slot() {
        results_.emplace_back();
        return results_.size() - 1;
    }
    void put(std::size_t slot, Stored<Result>&& value) { results_[slot].emplace(std::move(value)); }

    /// Nobody will see the results: failures among them go to the observer.
    void report_lost() noexcept {
        if constexpr (is_outcome<Result>) {
            for (const std::optional<Result>& result : results_) {
                if (result && result->error()) {
                    report_failure(result->error(), "suppressed by map_bounded_settled");
                }
            }
        }
    }

    [[nodiscard]] Elements<Result> results() {
        if constexpr (!std::is_void_v<Result>) {
            Elements<Result> all;
            all.reserve(results_.size());
            for (std::optional<Stored<Result>>& result : results_) {
                if constexpr (std::is_reference_v<Result>) {
                    all.push_back(**result);
                } else {
                    all.push_back(std::move(*result));
                }
            }
            return all;
        }
    }

private:
    static Task<> work(CollectingNursery& nursery, Mapping& map) {
        while (map.has_more()) {
            co_await checkpoint();  // may let others go first
            if (!map.has_more()) {
                break;
            }
            MappedItem<Items> item = map.current();  // kept here if nobody else does
            Task<Result> task = map.start(std::forward<MappedItem<Items>>(item));
            map.grow(nursery);
            if constexpr (std::is_void_v<Result>) {
                co_await std::move(task);
            } else {
                const std::size_t slot = map.add_slot();
                if constexpr (std::is_reference_v<Result>) {
                    auto&& result = co_await std::move(task);
                    map.put(slot, std::addressof(result));
                } else {
                    map.put(slot, co_await std::move(task));
                }
            }
        }
    }

    Items items_;
    F fn_;
    std::tuple<Args...> args_;
    std::size_t limit_;
    std::size_t workers_ = 0;
    std::ranges::iterator_t<Items> next_;
    std::vector<std::optional<Stored<Result>>> results_;
};

template <class Items, class F, class... Args>
Task<Elements<map_result_t<Items, F, Args...>>> host_map(std::size_t limit,
                                                         Items items,
                                                         F fn,
                                                         Args... args) {
    require_limit(limit);
    Mapping<Items, F, Args...> map(limit, std::move(items), std::move(fn), std::move(args)...);
    const std::source_location place = co_await caller_place();
    GatherNursery nursery("suppressed by map_bounded: job", place);
    map.grow(nursery);
    co_await nursery.join();
    try {
        nursery.leave();
    } catch (...) {
        map.report_lost();
        throw;
    }
    co_return map.results();
}

/// Calls the function of a map, and takes a failure for a result.
template <class Item, class F, class... Args>
class SettledCall final {
public:
    using Result = task_result_t<F&, Item, Args&...>;

    explicit SettledCall(F fn) : fn_(std::move(fn)) {}

    /// Throws, when awaited: `Cancelled`, which is the caller's own.
    [[nodiscard]] Task<Outcome<Result>> operator()(Item item, Args&... args) {
        return call(fn_, std::forward<Item>(item), args...);
    }

private:
    static Task<Outcome<Result>> call(F& fn, Item item, Args&... args) {
        std::optional<Task<Result>> task;
        std::exception_ptr refused;
        try {
            task.emplace(std::invoke(fn, std::forward<Item>(item), args...));
        } catch (...) {
            refused = std::current_exception();
        }
        Outcome<Result> outcome(std::move(refused));
        if (task) {
            outcome = co_await outcome_of(*std::move(task));
        }
        if (outcome.cancelled()) {
            std::rethrow_exception(outcome.error());
        }
        co_return std::move(outcome);
    }

    F fn_;
};

}  // namespace eddy::inline v0_1::detail
