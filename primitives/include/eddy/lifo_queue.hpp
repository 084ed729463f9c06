// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/export.hpp>
#include <eddy/queue.hpp>

namespace eddy::inline v0_1 {

/// The order of a stack.
struct EDDY_VISIBLE LastInFirstOut {
    template <class T>
    using Store = detail::LifoStore<T>;
    static constexpr detail::QueueNames names = {
        "LifoQueue::put", "LifoQueue::get", "LifoQueue::next"};
};

/// A `Queue` whose newest item comes out first: a pool of connections of which the warm ones are
/// used, work of which the latest matters most.
///
///     LifoQueue<Connection> idle(16);
///     auto connection = co_await idle.get();
///
/// Order: of the items in it the newest. Jobs that wait are served in order of arrival, as always;
///        an item that is given back by the death of a job's frame counts as the newest.
template <class T>
using LifoQueue = Queue<T, LastInFirstOut>;

}  // namespace eddy::inline v0_1
