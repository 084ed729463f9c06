// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/feed.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE WatchStatistics {
    std::uint64_t changes = 0;  ///< calls of `set` so far
    std::size_t receivers = 0;
    std::size_t waiters = 0;
    bool closed = false;
};

namespace detail {

template <class T>
class WatchState final : public Feed {
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                  "the value of a Watch must not throw when it is moved or destroyed");

public:
    explicit WatchState(T&& initial) noexcept : value_(std::move(initial)) {}

    [[nodiscard]] const T& value() const noexcept { return *value_; }
    void set(T&& value) noexcept {
        [[maybe_unused]] const std::optional<T> old(std::move(value_));  // ends last
        value_.emplace(std::move(value));
        publish();
    }
    [[nodiscard]] WatchStatistics statistics() const {
        return {.changes = published(),
                .receivers = subscribers(),
                .waiters = waiters(),
                .closed = closed()};
    }

private:
    std::optional<T> value_;  // never empty
};

}  // namespace detail

template <class T>
class WatchReceiver;

/// One value that changes, and jobs that want to know the newest: configuration, a state, progress.
///
/// A receiver that is slow sees fewer changes, but never misses the last one. To get each of them
/// see `Broadcast`; to wait for a number to reach something, `Counter`.
///
///     Watch<Config> config(load());
///     auto receiver = config.subscribe();           // has seen what is there now
///     config.set(load());
///     while (auto changed = co_await receiver.next()) { apply(*changed); }
///
/// Requires: values are moved and destroyed without throwing.
/// Lifetime: the end of the Watch closes it; receivers may live longer and keep the last value.
/// Cost:     a set wakes those who wait, and is constant otherwise. A receiver is one allocation, a
///           wait none.
/// Source:   tokio's watch channels.
template <class T>
class EDDY_VISIBLE Watch final {
    using State = detail::WatchState<T>;

public:
    explicit Watch(T initial) : state_(new State(std::move(initial))) {}
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
        state_->require_here();
        state_->close();
    }

    /// Valid until the next `set`, so at least until the next await.
    [[nodiscard]] const T& value() const {
        state_->check("Watch::value");
        return state_->value();
    }
    [[nodiscard]] WatchStatistics statistics() const {
        state_->check("Watch::statistics");
        return state_->statistics();
    }

    /// A receiver to which the value of now is no change. Throws: `ClosedResource`.
    [[nodiscard]] WatchReceiver<T> subscribe() {
        state_->check_open("Watch::subscribe");
        return WatchReceiver<T>(state_);
    }

    /// A change, also if the value is equal, and also if nobody is there. Throws: `ClosedResource`.
    void set(T value) {
        state_->check_open("Watch::set");
        state_->set(std::move(value));
    }

    /// No more changes: receivers see the last one, and then the end. Repeating it does nothing.
    void close() {
        state_->check("Watch::close");
        state_->close();
    }

private:
    detail::LocalRef<State> state_;
};

/// One that follows a `Watch`; a copy is another one, that has seen as much. Any number of jobs may
/// wait through one: a change wakes all of them.
///
/// Throws:       `ClosedResource` when it was closed, also to the jobs that wait through it;
///               `changed`: `EndOfStream` when the last change has been seen and the Watch closed.
/// Cancellation: nothing has been seen.
template <class T>
class EDDY_VISIBLE WatchReceiver final {
    using State = detail::WatchState<T>;

public:
    class Changed;
    class Next;

    explicit WatchReceiver(const detail::LocalRef<State>& state) : handle_(state) {}

    [[nodiscard]] bool is_closed() const noexcept { return handle_.closed(); }
    [[nodiscard]] WatchStatistics statistics() const {
        return handle_.feed("WatchReceiver::statistics").statistics();
    }
    /// The newest, which does not count as seen. Valid until the next `set`, so at least until the
    /// next await.
    [[nodiscard]] const T& value() const { return handle_.feed("WatchReceiver::value").value(); }
    /// There is a change that `changed` or `next` would not wait for.
    [[nodiscard]] bool has_changed() const {
        return handle_.get("WatchReceiver::has_changed")->has_news();
    }

    /// Waits until there is a change that was not seen; from then on the newest is seen. Read it
    /// with `value`.
    [[nodiscard]] Changed changed() const { return Changed(handle_.get("WatchReceiver::changed")); }
    /// The same, with a copy of the newest; empty when the Watch is closed and it has been seen.
    [[nodiscard]] Next next() const
        requires std::copy_constructible<T>
    {
        return Next(handle_.get("WatchReceiver::next"));
    }

    /// Repeating it does nothing.
    void close() { handle_.get("WatchReceiver::close")->close(); }

private:
    detail::SubscriberHandle<State> handle_;
};

template <class T>
class WatchReceiver<T>::Changed final : public detail::FeedWait {
public:
    explicit Changed(const detail::LocalRef<detail::Subscription>& subscription) noexcept
        : FeedWait(subscription, false) {}

    void take() {
        if (!finish()) {
            throw_ended();
        }
        subscription().see(subscription().feed().published());
    }
    [[nodiscard]] const char* what() const noexcept override { return "WatchReceiver::changed"; }
};

template <class T>
class WatchReceiver<T>::Next final : public detail::FeedWait {
public:
    explicit Next(const detail::LocalRef<detail::Subscription>& subscription) noexcept
        : FeedWait(subscription, false) {}

    [[nodiscard]] std::optional<T> take() {
        std::optional<T> newest;
        if (finish()) {
            newest.emplace(
                static_cast<const detail::WatchState<T>&>(subscription().feed()).value());
            subscription().see(subscription().feed().published());
        }
        return newest;
    }
    [[nodiscard]] const char* what() const noexcept override { return "WatchReceiver::next"; }
};

}  // namespace eddy::inline v0_1
