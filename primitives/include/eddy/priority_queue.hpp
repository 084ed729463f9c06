// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include <eddy/detail/export.hpp>
#include <eddy/detail/priority_store.hpp>
#include <eddy/queue.hpp>

namespace eddy::inline v0_1 {

/// The order of a queue of things that differ in importance.
template <class Before>
struct EDDY_VISIBLE ByPriority {
    template <class T>
    using Store = detail::PriorityStore<T, Before>;
    static constexpr detail::QueueNames names = {
        "PriorityQueue::put", "PriorityQueue::get", "PriorityQueue::next"};
};

/// A `Queue` whose first item in a given order comes out first; by default the smallest, so a
/// deadline or a rank works as it is (`std::priority_queue` would begin with the largest).
///
///     struct Urgency {
///         bool operator()(const Order& a, const Order& b) const noexcept { return a.due < b.due; }
///     };
///     PriorityQueue<Order, Urgency> orders(100);
///
/// Requires: `Before` orders strictly and weakly, and does not throw (that terminates the program).
///           It can be default-constructed, and does not touch the queue.
/// Order:    `Before(a, b)`: a comes out before b. Equals come out in the order they went in. Jobs
///           that wait are served in order of arrival: an item that finds a job waiting goes to it.
/// Cost:     `put` and `get` compare about log2(size) times.
template <class T, class Before = std::less<>>
using PriorityQueue = Queue<T, ByPriority<Before>>;

}  // namespace eddy::inline v0_1
