// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/feed.hpp>
#include <eddy/detail/item_store.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE BroadcastStatistics {
    std::size_t capacity = 0;
    std::size_t kept = 0;    ///< items in it
    std::uint64_t sent = 0;  ///< items ever
    std::size_t receivers = 0;
    std::size_t waiters = 0;
    bool closed = false;
};

/// What a receiver of a `Broadcast` gets.
template <class T>
class BroadcastItem final {
public:
    explicit BroadcastItem(const T& item, std::uint64_t lost) : value(item), missed(lost) {}

    T value;
    std::uint64_t missed;  ///< items before this one that were gone when the receiver came to them
};

namespace detail {

/// Throws: `std::invalid_argument`.
[[nodiscard]] EDDY_API std::size_t check_broadcast_capacity(std::size_t capacity);
[[noreturn]] EDDY_API void throw_no_receiver();

/// The items: a ring in which number n has its place n % capacity.
template <class T>
class BroadcastState final : public Feed {
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                  "items of a Broadcast must not throw when they are moved or destroyed");
    static_assert(std::is_copy_constructible_v<T>, "each receiver of a Broadcast gets a copy");

public:
    explicit BroadcastState(std::size_t capacity) : slots_(check_broadcast_capacity(capacity)) {}
    BroadcastState(const BroadcastState&) = delete;
    BroadcastState& operator=(const BroadcastState&) = delete;
    ~BroadcastState() override {
        for (std::uint64_t number = oldest(); number != published(); ++number) {
            static_cast<void>(slots_.extract(place(number)));
        }
    }

    void check_receivers() const {
        if (subscribers() == 0) {
            throw_no_receiver();
        }
    }

    void push(T&& item) noexcept {
        std::optional<T> old;  // ends last, when everything else has happened
        if (published() - oldest() == slots_.count()) {
            old.emplace(slots_.extract(place(published())));
        }
        slots_.create(place(published()), std::move(item));
        publish();
    }

    /// The next item the subscriber has not seen and that is kept. Requires: there is one. What the
    /// copy throws comes out, and then it has not been seen.
    [[nodiscard]] static BroadcastItem<T> read(Subscription& subscription) {
        const auto& state = static_cast<BroadcastState&>(subscription.feed());
        const std::uint64_t number = std::max(subscription.seen(), state.oldest());
        BroadcastItem<T> item(state.slots_[state.place(number)], number - subscription.seen());
        subscription.see(number + 1);
        return item;
    }

    [[nodiscard]] BroadcastStatistics statistics() const {
        return {.capacity = slots_.count(),
                .kept = static_cast<std::size_t>(published() - oldest()),
                .sent = published(),
                .receivers = subscribers(),
                .waiters = waiters(),
                .closed = closed()};
    }

private:
    [[nodiscard]] std::uint64_t oldest() const noexcept {
        return published() - std::min<std::uint64_t>(published(), slots_.count());
    }
    [[nodiscard]] std::size_t place(std::uint64_t number) const noexcept {
        return static_cast<std::size_t>(number % slots_.count());
    }

    // Invariant: the slots of numbers oldest() .. published() - 1 are alive.
    Slots<T> slots_;
};

}  // namespace detail
}  // namespace eddy::inline v0_1
