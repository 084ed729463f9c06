// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/lifetime_bound.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/require.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

/// Items that are given away by copying them: there is nothing to move from, so the wait need not
/// refer to the caller's.
template <class T>
inline constexpr bool copied_when_given =
    std::is_trivially_copyable_v<T> && std::is_copy_constructible_v<T>;

/// A wait on an exchange: for an item, for room for one, or for a slot.
class ExchangeWait : public QueuedWaiter {
public:
    enum class End : std::uint8_t { done, closed, broken, drained };

protected:
    ExchangeWait() noexcept = default;
    ~ExchangeWait() override = default;

    End end_ = End::done;        // how the wait ended, once it has
    std::uint64_t through_ = 0;  // the handle it waits through, 0 for none
    void* item_to_give_ = nullptr;

private:
    friend class ExchangeCore;
    using Waiter::rivals;
};

/// The type-free half of an exchange: who waits.
class EDDY_API ExchangeCore {
public:
    ExchangeCore(const ExchangeCore&) = delete;
    ExchangeCore& operator=(const ExchangeCore&) = delete;

protected:
    using End = ExchangeWait::End;

    explicit ExchangeCore(std::size_t capacity) noexcept : capacity_(capacity) {}
    ~ExchangeCore() = default;

    /// The longest waiter in `queue` that is no rival of `self`, or null. Constant, but for those.
    [[nodiscard]] static ExchangeWait* first_other(const WaitQueue& queue,
                                                   const ExchangeWait* self) noexcept {
        QueuedWaiter* const first = queue.front();
        if (first == nullptr || self == nullptr || !self->rivals(*first)) [[likely]] {
            return static_cast<ExchangeWait*>(first);
        }
        return next_other(*first, *self);
    }
    [[nodiscard]] static ExchangeWait* next_other(const QueuedWaiter& first,
                                                  const ExchangeWait& self) noexcept;
    /// Takes out the longest waiter that has an item (and does not want a slot) and is no rival of
    /// `self`, or returns null.
    [[nodiscard]] ExchangeWait* pop_giver(const ExchangeWait* self) noexcept;
    [[nodiscard]] static void* item_of(ExchangeWait& giver) noexcept { return giver.item_to_give_; }

    /// Whether the waits are as they must be in an exchange with so much in it and such room.
    /// Constant. Not in the middle of a `select`, whose other waits are still where they were.
    void check_waits(std::size_t stored, bool has_room) const noexcept;
    [[nodiscard]] static bool is_in_select(const ExchangeWait* self) noexcept {
        return self != nullptr && self->rivals(*self);
    }

    /// Ends all waits in `queue` in this way.
    static void end_all(WaitQueue& queue, End how) noexcept;
    /// Ends those through one handle. Linear in the length of the queue.
    static void end_through(WaitQueue& queue, std::uint64_t handle, End how) noexcept;

    // Invariant: takers_ wait only when nothing is stored, givers_ only when there is no room; a
    // taker and a giver with an item both wait only if they belong to one `select`.
    LoopBound bound_;
    std::size_t capacity_;
    std::size_t owed_ = 0;  // items of takers that are committed and have not resumed
    WaitQueue takers_;
    WaitQueue givers_;  // with an item, or for a slot
};

/// What queues and channels are made of: items in a store, jobs that bring some, jobs that want
/// some. An item goes straight to the longest taker; room that comes free is filled at once by the
/// longest giver.
///
/// `Core` derives `ExchangeCore` and says
///
///     std::size_t reserved() const;  // room that is promised
///     bool discards() const;         // items that come back are dropped
///     void accepted();               // an item came in
///     void discarded(std::size_t);   // some that had come in were dropped
///     void grant_slot();             // room goes to a giver without an item
///
/// Invariant: size + reserved + owed <= room of the store. So an item whose taker dies goes back
/// without an allocation (rule R4), and so does what is sent into a reserved slot. The room that a
/// burst has needed goes when little of it is in use, but for `kept_bytes`, so that the usual load
/// allocates nothing.
template <class T, class Store, class Core>
class Exchange : public Core {
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                  "items must not throw when they are moved or destroyed: a hand-off cannot fail");

public:
    using Entry = typename Store::Entry;
    class Give;
    class Take;

protected:
    template <class... Args>
    explicit Exchange(std::size_t capacity, Args&&... args)
        : Core(capacity, std::forward<Args>(args)...),
          store_(capacity == unlimited ? 0 : capacity + 1) {}
    ~Exchange() = default;

    static constexpr std::size_t unlimited = static_cast<std::size_t>(-1);

    /// There is room that is nobody's: nothing waits to give then.
    [[nodiscard]] bool has_room() const noexcept {
        return store_.size() + Core::reserved() < this->capacity_;
    }

    /// Room for one item more than there are, wherever they are. May throw `std::bad_alloc`.
    void make_room() {
        const std::size_t used = in_use();
        if (used >= store_.room()) [[unlikely]] {
            store_.set_room(used + 1 + used / 2);
        }
    }

    /// Less is in use than before: gives back the room that nobody needs. Not while `make_room` has
    /// been called for something that is still to come.
    void trim() noexcept {
        if (store_.room() > kept_room) [[unlikely]] {
            trim_large();
        }
    }

    /// Takes the item if it need not wait; otherwise leaves it alone. `self`: the wait that brings
    /// it, whose own select is not to take it.
    [[nodiscard]] bool try_give(T& item, const ExchangeWait* self = nullptr) {
        if (Core::first_other(this->takers_, self) == nullptr && !has_room()) {
            return false;
        }
        make_room();
        accept(std::move(item), self);
        check_unless_in_select(self);
        return true;
    }

    /// Brings in an item, past the capacity if nobody takes it. Requires: room in the store.
    void accept(T&& item, const ExchangeWait* self = nullptr) noexcept {
        Core::accepted();
        if (ExchangeWait* const taker = Core::first_other(this->takers_, self)) {
            serve(*taker, store_.make(std::move(item)));
        } else {
            store_.push(std::move(item));
        }
    }

    /// An entry, if there is one to have without a wait. `self`: as above.
    [[nodiscard]] bool try_take(std::optional<Entry>& entry,
                                const ExchangeWait* self = nullptr) noexcept {
        if (store_.size() != 0) {
            entry.emplace(store_.pop());
            fill(self);
            check_unless_in_select(self);
            return true;
        }
        ExchangeWait* const giver = this->givers_.empty() ? nullptr : this->pop_giver(self);
        if (giver == nullptr) {
            return false;
        }
        Core::accepted();
        entry.emplace(store_.make(std::move(*static_cast<T*>(Core::item_of(*giver)))));
        giver->commit();
        return true;
    }

    /// Room has come free: it goes to those who wait for it. Needs room in the store for one more.
    void fill(const ExchangeWait* self = nullptr) noexcept {
        while (has_room()) {
            ExchangeWait* const first = Core::first_other(this->givers_, self);
            if (first == nullptr) {
                return;
            }
            ExchangeWait& giver = *first;
            giver.unlink_self();
            void* const item = Core::item_of(giver);
            giver.commit();  // first: a select that would also take leaves that queue
            if (item != nullptr) {
                accept(std::move(*static_cast<T*>(item)));
            } else {
                Core::grant_slot();
            }
        }
    }

    /// Everything that is stored. What comes back later must be discarded.
    [[nodiscard]] Store take_all() noexcept { return std::move(store_); }

    [[nodiscard]] std::size_t stored() const noexcept { return store_.size(); }

    /// In debug builds every change looks.
    void check_invariants() const noexcept {
        EDDY_ASSERT(Core::discards() || in_use() <= store_.room());
        this->check_waits(store_.size(), has_room());
    }

private:
    static constexpr std::size_t kept_bytes = 32UL * 1024;
    static constexpr std::size_t kept_room = kept_bytes / sizeof(Entry) + 1;

    [[nodiscard]] std::size_t in_use() const noexcept {
        return store_.size() + Core::reserved() + this->owed_;
    }
    void check_unless_in_select(const ExchangeWait* self) const noexcept {
#ifndef NDEBUG
        if (!Core::is_in_select(self)) {
            check_invariants();
        }
#else
        static_cast<void>(self);
#endif
    }
    void trim_large() noexcept;
    void serve(ExchangeWait& taker, Entry&& entry) noexcept;
    void give_back(Entry&& entry) noexcept;

    Store store_;
};

/// A wait that brings an item, which stays with the caller until it is committed.
template <class T, class Store, class Core>
class Exchange<T, Store, Core>::Give : public ExchangeWait {
public:
    void start() { this->exchange_.givers_.push_back(*this); }

protected:
    Give(Exchange& exchange, T& item) noexcept : exchange_(exchange) { item_to_give_ = &item; }
    ~Give() override = default;

    [[nodiscard]] bool try_give() {
        end_ = End::done;
        return exchange_.try_give(*static_cast<T*>(item_to_give_), this);
    }

    Exchange& exchange_;
};

/// A wait for an item.
template <class T, class Store, class Core>
class Exchange<T, Store, Core>::Take : public ExchangeWait {
public:
    void start() { exchange_.takers_.push_back(*this); }

protected:
    explicit Take(Exchange& exchange) noexcept : exchange_(exchange) {}
    ~Take() override = default;

    [[nodiscard]] bool try_take() {
        end_ = End::done;
        if (!exchange_.givers_.empty()) {
            exchange_.make_room();  // for the item that comes in when this one goes
        }
        const bool taken = exchange_.try_take(entry_, this);
        exchange_.owed_ += taken ? 1 : 0;
        exchange_.trim();
        return taken;
    }

    /// Requires: `entry_`.
    [[nodiscard]] T take_item() noexcept {
        --exchange_.owed_;
        T item = Store::take_from(std::move(*entry_));
        entry_.reset();
        exchange_.trim();
        exchange_.check_invariants();
        return item;
    }

    Exchange& exchange_;
    std::optional<Entry> entry_;  // counted in owed_

private:
    friend class Exchange;
    void pass_on() noexcept override {
        if (entry_) {
            --exchange_.owed_;
            exchange_.give_back(std::move(*entry_));
            entry_.reset();
            exchange_.check_unless_in_select(this);
        }
    }
};

/// Amortised, an item is moved once more in its life: before the next time, as many come or go.
template <class T, class Store, class Core>
void Exchange<T, Store, Core>::trim_large() noexcept {
    const std::size_t used = in_use();
    if (used >= store_.room() / 8) {
        return;
    }
    const std::size_t least =
        this->capacity_ == unlimited ? kept_room / 8 + 1 : this->capacity_ + 1;
    const std::size_t room = std::max(least, 2 * used);
    if (room > store_.room() / 2) {
        return;
    }
    try {
        store_.set_room(room);
    } catch (...) {  // no memory for the smaller one: the large one does
    }
}

template <class T, class Store, class Core>
void Exchange<T, Store, Core>::serve(ExchangeWait& waiter, Entry&& entry) noexcept {
    auto& taker = static_cast<Take&>(waiter);
    taker.unlink_self();
    taker.entry_.emplace(std::move(entry));
    ++this->owed_;
    taker.commit();
}

/// The taker died before it ran: its item is the next one to come out again.
template <class T, class Store, class Core>
void Exchange<T, Store, Core>::give_back(Entry&& entry) noexcept {
    if (Core::discards()) {
        Core::discarded(1);
    } else if (this->takers_.empty()) {
        store_.restore(std::move(entry));
    } else {
        serve(static_cast<ExchangeWait&>(*this->takers_.front()), std::move(entry));
    }
}

}  // namespace eddy::inline v0_1::detail
