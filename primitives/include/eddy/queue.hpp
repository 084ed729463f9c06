// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <eddy/detail/export.hpp>
#include <eddy/detail/item_store.hpp>
#include <eddy/detail/queue_core.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/unbounded.hpp>

namespace eddy::inline v0_1 {

/// What becomes of the items in a queue that is shut down.
enum class Shutdown : std::uint8_t {
    drain,      ///< they can still be taken
    immediate,  ///< they are dropped
};

/// The order of a plain queue.
struct EDDY_VISIBLE FirstInFirstOut {
    template <class T>
    using Store = detail::FifoStore<T>;
    static constexpr detail::QueueNames names = {"Queue::put", "Queue::get", "Queue::next"};
};

/// Items on their way from jobs to jobs, with a bound that slows down whoever is too fast.
///
///     Queue<Request> queue(64);
///     co_await queue.put(std::move(request));          // waits while 64 are in it
///     while (auto request = co_await queue.next()) {   // until shut down and drained
///         co_await handle(*request);
///         queue.task_done();                           // for co_await queue.join()
///     }
///
/// One object that all share; ends that come and go, and end the stream, are `open_channel`; other
/// threads need `open_remote_channel`. The same with another order: `LifoQueue`, `PriorityQueue`.
///
/// Requires:     items are moved and destroyed without throwing.
/// Throws:       `put`: `ClosedResource` once it is shut down; `get`: `EndOfStream` when that has
///               drained it. A put that throws has not touched the item: the caller still has it.
/// Cancellation: nothing was put, nothing taken; a `get` that was given its item keeps it, whatever
///               happens to job or queue, and if its frame dies the item is the next to come out.
/// Order:        an item goes to the job that has waited longest, and room that comes free to the
///               longest put, at once: nobody can come between.
/// Lifetime:     a queue outlives its waiters, also those that have their item and have not run
///               yet; an item that `put` was given to move from lives until the wait is over,
///               unless it is trivial to copy.
/// Cost:         a wait allocates nothing. The room for a bounded queue is allocated with it; more
///               is, should that many jobs at a time have an item and not have run yet. What a
///               burst needed goes back to the heap, above 32 KiB, when an eighth of it is in use.
template <class T, class Order = FirstInFirstOut>
class EDDY_VISIBLE Queue final
    : private detail::Exchange<T, typename Order::template Store<T>, detail::QueueCore> {
    using Exchange = detail::Exchange<T, typename Order::template Store<T>, detail::QueueCore>;

public:
    class Put;
    class PutCopy;
    template <class R>
    class Get;
    using Join = detail::QueueJoin;

    /// `capacity` may be `unbounded`. Throws: `std::invalid_argument` for 0, which is a channel,
    /// and for less.
    explicit Queue(detail::Count capacity) : Exchange(Exchange::check_capacity(capacity)) {}
    ~Queue() = default;

    [[nodiscard]] std::size_t capacity() const noexcept { return this->capacity_; }
    [[nodiscard]] std::size_t size() const { return here("Queue::size").stored(); }
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] bool is_shut_down() const { return here("Queue::is_shut_down").shut_; }
    [[nodiscard]] QueueStatistics statistics() const {
        return here("Queue::statistics").statistics_of(this->stored());
    }

    /// False, and the item untouched, if it would have to wait. Throws: as `put`, so after a
    /// shutdown this throws, where `try_get` is empty: an item that goes nowhere is an error, and
    /// the end of a stream is none.
    [[nodiscard]] bool try_put(T&& item) {
        this->check_open(Order::names.put);
        return this->try_give(item);
    }
    [[nodiscard]] bool try_put(const T& item)
        requires std::copy_constructible<T>
    {
        return try_put(T(item));
    }

    /// Empty if it would have to wait, and when there will be nothing more; it does not throw then,
    /// `is_shut_down` tells the two apart.
    [[nodiscard]] std::optional<T> try_get();

    /// Somebody has finished the work that an item was. Throws: `InvalidState` when there have been
    /// more of these than items that were taken.
    void task_done() { this->finish_one(this->stored()); }

    /// No more items: waiting puts fail and keep theirs, waiting gets end. What is dropped counts
    /// as done. It can be repeated: `immediate` after `drain` drops the rest, nothing is undone.
    void shutdown(Shutdown how = Shutdown::drain);

    /// Waits for room and puts the item in. It is moved from when, and only if, it goes in. Of an
    /// item that is trivial to copy, or that has to be copied, the operation has a copy.
    [[nodiscard]] Put put(T&& item EDDY_LIFETIMEBOUND)
        requires(!detail::copied_when_given<T>)
    {
        return Put(*this, item);
    }
    [[nodiscard]] PutCopy put(const T& item)
        requires std::copy_constructible<T>
    {
        return PutCopy(*this, item);
    }

    /// Waits for an item.
    [[nodiscard]] Get<T> get() { return Get<T>(*this); }

    /// The same; empty when the queue is shut down and drained.
    [[nodiscard]] Get<std::optional<T>> next() { return Get<std::optional<T>>(*this); }

    /// Waits until every item that was ever put is done: taken, and `task_done` called, or dropped.
    [[nodiscard]] Join join() { return Join(*this); }

private:
    [[nodiscard]] const Queue& here(const char* what) const {
        this->bound_.check(what);
        return *this;
    }
};

}  // namespace eddy::inline v0_1

#include <eddy/detail/queue_wait.hpp>  // IWYU pragma: export
