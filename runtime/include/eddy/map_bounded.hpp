// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/detail/collecting_nursery.hpp>
#include <eddy/own.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

namespace eddy {

namespace detail {

void require_limit(std::size_t limit);

/// Items out of a container that is ours are moved, those of a view are what the view says.
template <class Items>
using MappedItem = std::conditional_t<std::ranges::view<Items>,
                                      std::ranges::range_reference_t<Items>,
                                      std::ranges::range_rvalue_reference_t<Items>>;

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

    /// The next item's task. Requires: there is one.
    [[nodiscard]] Task<Result> take() {
        auto task = std::apply(
            [this](Args&... args) { return std::invoke(fn_, current(), args...); }, args_);
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
            Task<Result> task = map.take();
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

    [[nodiscard]] MappedItem<Items> current() {
        if constexpr (std::ranges::view<Items>) {
            return *next_;
        } else {
            return std::ranges::iter_move(next_);
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
    GatherNursery nursery("suppressed by map_bounded: job");
    map.grow(nursery);
    co_await nursery.join();
    nursery.leave();
    co_return map.results();
}

}  // namespace detail

/// Runs `fn(item, args...)`, a task, for every item, never more than `limit` of them at a time;
/// returns the results in the order of the items (nothing for void, `std::reference_wrapper` for
/// references).
///
///     const std::vector<Page> pages = co_await map_bounded(8, urls, fetch);
///
/// `items` is any range. A container is kept here and its items are moved into `fn`; a view is read
/// one item at a time, when there is room for it.
///
/// Throws:       the first failure in time, as it was thrown, after the calls that were under way
///               were cancelled and have ended; the remaining items are left alone. What fails
///               after it goes to the observer. `std::invalid_argument` for a limit of zero.
/// Cancellation: a checkpoint before each item: none is begun after it. Once all items are done the
///               results are returned.
/// Order:        items are begun in order.
/// Lifetime:     `fn`, `items` and `args` are kept here; `args` are passed as lvalues.
/// Cost:         one job for each of the `limit` workers, none for an item.
template <class Items, class F, class... Args>
    requires std::ranges::input_range<std::decay_t<Items>>
[[nodiscard]] auto map_bounded(std::size_t limit, Items&& items, F&& fn, Args&&... args) {
    EDDY_CHECK_CALLABLE(F);
    return detail::host_map<std::decay_t<Items>, std::decay_t<F>, std::decay_t<Args>...>(
        limit, std::forward<Items>(items), std::forward<F>(fn), std::forward<Args>(args)...);
}

}  // namespace eddy
