// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <ranges>
#include <type_traits>
#include <utility>

#include <eddy/detail/check_call.hpp>
#include <eddy/detail/mapping.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/own.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// `fn(item, args...)` with an item of `Items`; `Items` as of a forwarding reference.
template <class Items, class F, class... Args>
consteval bool check_map_call() {
    return check_task_call<F, MappedItem<std::decay_t<Items>>, Args&...>();
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
///               were cancelled and have ended; the remaining items are not begun. What fails after
///               it goes to the observer. `std::invalid_argument` for a limit of zero or less. To
///               collect the failures instead, `map_bounded_settled`.
/// Cancellation: a checkpoint before each item: none is begun after it. Once all items are done the
///               results are returned.
/// Order:        items are begun in order.
/// Lifetime:     `fn`, `items` and `args` are kept here; `args` are passed as lvalues.
/// Cost:         one job for each of the `limit` workers, none for an item.
template <class Items, class F, class... Args>
    requires std::ranges::input_range<std::decay_t<Items>>
[[nodiscard]] auto map_bounded(detail::Count limit, Items&& items, F&& fn, Args&&... args) {
    if constexpr (!detail::check_map_call<Items, F, std::decay_t<Args>...>()) {
        return detail::refused();
    } else {
        return detail::host_map<std::decay_t<Items>, std::decay_t<F>, std::decay_t<Args>...>(
            limit.checked("map_bounded: the limit"),
            std::forward<Items>(items),
            std::forward<F>(fn),
            std::forward<Args>(args)...);
    }
}

/// The same, but a failure ends nothing: returns an `Outcome` for every item, in their order.
///
/// Throws: `std::invalid_argument` for a limit of zero or less; `Cancelled` when the caller is
///         cancelled.
template <class Items, class F, class... Args>
    requires std::ranges::input_range<std::decay_t<Items>>
[[nodiscard]] auto map_bounded_settled(detail::Count limit, Items&& items, F&& fn, Args&&... args) {
    if constexpr (!detail::check_map_call<Items, F, std::decay_t<Args>...>()) {
        return detail::refused();
    } else {
        using Item = detail::MappedItem<std::decay_t<Items>>;
        using Call = detail::SettledCall<Item, std::decay_t<F>, std::decay_t<Args>...>;
        return detail::host_map<std::decay_t<Items>, Call, std::decay_t<Args>...>(
            limit.checked("map_bounded_settled: the limit"),
            std::forward<Items>(items),
            Call(std::forward<F>(fn)),
            std::forward<Args>(args)...);
    }
}

}  // namespace eddy::inline v0_1
