// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <eddy/detail/broadcast_state.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/feed.hpp>
#include <eddy/detail/whole_number.hpp>

namespace eddy::inline v0_1 {

template <class T>
class BroadcastReceiver;

/// Every receiver gets every item; one that is too slow misses the oldest, and is told.
///
/// A send never waits: the last `capacity` items are kept for those who have not come to them. To
/// wait for the slow instead, give each a channel; if only the newest matters, see `Watch`.
///
///     Broadcast<Quote> quotes(64);
///     auto receiver = quotes.subscribe();  // from here on; each job its own
///     quotes.send(Quote(...));
///     while (auto item = co_await receiver.next()) {
///         if (item->missed != 0) { ... }   // so many before this one are gone
///         show(item->value);
///     }
///
/// Requires: items are copied for each receiver, when it runs; moved and destroyed without
///           throwing.
/// Order:    each receiver gets the items in the order they were sent.
/// Lifetime: the end of the Broadcast closes it; receivers may live longer and see what is kept.
///           Items are kept until newer ones take their place.
/// Cost:     a send wakes those who wait, and is constant otherwise. The room is allocated with the
///           Broadcast; a receiver is one allocation, a wait none.
/// Source:   tokio's broadcast channels.
template <class T>
class EDDY_VISIBLE Broadcast final {
    using State = detail::BroadcastState<T>;

public:
    /// Throws: `std::invalid_argument` for a capacity of 0 or less.
    explicit Broadcast(detail::Count capacity)
        : state_(new State(capacity.checked("Broadcast: the capacity"))) {}
    Broadcast(const Broadcast&) = delete;
    Broadcast& operator=(const Broadcast&) = delete;
    ~Broadcast() {
        state_->require_here();
        state_->close();
    }

    [[nodiscard]] BroadcastStatistics statistics() const {
        state_->check("Broadcast::statistics");
        return state_->statistics();
    }

    /// A receiver of all that is sent from now on. Throws: `ClosedResource`.
    [[nodiscard]] BroadcastReceiver<T> subscribe() {
        state_->check_open("Broadcast::subscribe");
        return BroadcastReceiver<T>(state_);
    }

    /// Returns how many receivers there are to see it.
    ///
    /// Throws: `ClosedResource`; `BrokenResource` when there is no receiver. `item` is untouched.
    std::size_t send(T&& item) {
        state_->check_open("Broadcast::send");
        state_->check_receivers();
        state_->push(std::move(item));
        return state_->subscribers();
    }
    std::size_t send(const T& item) { return send(T(item)); }

    /// The same for who does not care whether anybody listens: false, and `item` untouched.
    bool try_send(T&& item) {
        state_->check_open("Broadcast::try_send");
        if (state_->subscribers() == 0) {
            return false;
        }
        state_->push(std::move(item));
        return true;
    }
    bool try_send(const T& item) { return try_send(T(item)); }

    /// No more items: receivers see what is kept, and then the end. Repeating it does nothing.
    void close() {
        state_->check("Broadcast::close");
        state_->close();
    }

private:
    detail::LocalRef<State> state_;
};

/// One that gets every item of a `Broadcast`; a copy is another one, that has seen as much.
///
/// Throws:       `ClosedResource` when it was closed, also to the job that waits through it;
///               `receive`: `EndOfStream` after the last item; `BusyResource` when another job
///               waits through it: give each job a copy.
/// Cancellation: nothing was received. An item counts as received when the job has its copy.
template <class T>
class EDDY_VISIBLE BroadcastReceiver final {
    using State = detail::BroadcastState<T>;

public:
    using Item = BroadcastItem<T>;
    template <class R>
    class Receive;

    explicit BroadcastReceiver(const detail::LocalRef<State>& state) : handle_(state) {}

    [[nodiscard]] bool is_closed() const noexcept { return handle_.closed(); }
    [[nodiscard]] BroadcastStatistics statistics() const {
        return handle_.feed("BroadcastReceiver::statistics").statistics();
    }
    /// How many items it has not come to yet, those included that it has missed.
    [[nodiscard]] std::uint64_t behind() const {
        const auto& subscription = *handle_.get("BroadcastReceiver::behind");
        return subscription.feed().published() - subscription.seen();
    }

    /// Waits for the next item.
    [[nodiscard]] Receive<Item> receive() const {
        return Receive<Item>(handle_.get("BroadcastReceiver::receive"));
    }
    /// The same; empty when the Broadcast is closed and everything has been seen.
    [[nodiscard]] Receive<std::optional<Item>> next() const {
        return Receive<std::optional<Item>>(handle_.get("BroadcastReceiver::next"));
    }
    /// Empty when there is none now, and when there will be no more.
    [[nodiscard]] std::optional<Item> try_receive() const;

    /// Repeating it does nothing.
    void close() { handle_.get("BroadcastReceiver::close")->close(); }

private:
    detail::SubscriberHandle<State> handle_;
};

template <class T>
template <class R>
class BroadcastReceiver<T>::Receive final : public detail::FeedWait {
    static constexpr bool throws_at_end = std::same_as<R, Item>;

public:
    explicit Receive(const detail::LocalRef<detail::Subscription>& subscription) noexcept
        : FeedWait(subscription, true) {}

    [[nodiscard]] R take() {
        if (finish()) [[likely]] {
            return R(detail::BroadcastState<T>::read(subscription()));
        }
        if constexpr (throws_at_end) {
            throw_ended();
        } else {
            return std::nullopt;
        }
    }
    [[nodiscard]] const char* what() const noexcept override {
        return throws_at_end ? "BroadcastReceiver::receive" : "BroadcastReceiver::next";
    }
};

template <class T>
std::optional<BroadcastItem<T>> BroadcastReceiver<T>::try_receive() const {
    detail::Subscription& subscription = *handle_.get("BroadcastReceiver::try_receive");
    subscription.check("BroadcastReceiver::try_receive");
    subscription.check_idle("BroadcastReceiver::try_receive");
    if (!subscription.has_news()) {
        return std::nullopt;
    }
    return State::read(subscription);
}

}  // namespace eddy::inline v0_1
