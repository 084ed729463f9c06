// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

#include <eddy/notify.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/time.hpp>
#include <eddy/wait_queue.hpp>
#include <eddy/yield.hpp>

#include "hash.hpp"

namespace resp {

/// Keys and what they hold: a text or a list. Any of them may have an end.
///
/// A list that has become empty is gone. Jobs that wait for items of a key (`pop`) are served after
/// each push, first come, first served, and never run inside of it.
///
/// Threading: the loop's. Every operation but `sweep` is done when it returns.
class Store {
public:
    using Items = std::list<std::string>;  ///< whose nodes move without an allocation
    enum class Side : std::uint8_t { left, right };
    class Loan;
    class Pop;

    template <class V>
    using ByKey = std::unordered_map<std::string, V, SecretHash, std::equal_to<>>;
    using Ends = std::multimap<eddy::TimePoint, const std::string*>;

    struct Value {
        std::variant<std::string, Items> data;
        Ends::iterator end;  ///< in ends_, or its end()

        [[nodiscard]] std::string* text() noexcept { return std::get_if<std::string>(&data); }
        [[nodiscard]] Items* list() noexcept { return std::get_if<Items>(&data); }
    };

    Store() = default;
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    /// Null if there is none, or its end has come. Valid until the store is changed.
    [[nodiscard]] Value* find(std::string_view key) {
        const auto place = values_.find(key);
        if (place == values_.end()) {
            return nullptr;
        }
        const auto end = place->second.end;
        if (end != ends_.end() && end->first <= eddy::now()) [[unlikely]] {
            erase(place);
            return nullptr;
        }
        return &place->second;
    }
    [[nodiscard]] bool erase(std::string_view key) {
        const bool there = find(key) != nullptr;
        if (there) {
            erase(values_.find(key));
        }
        return there;
    }
    /// Of a key that has none: `eddy::never`.
    [[nodiscard]] eddy::TimePoint end_of(const Value& value) const {
        return value.end == ends_.end() ? eddy::never : value.end->first;
    }

    /// Whatever was there is gone, its end too, unless that is to be kept.
    void set(std::string_view key, std::string_view text, bool keep_end = false) {
        Value* value = find(key);
        if (value == nullptr) {
            make_room();
            values_.try_emplace(std::string(key), Value{std::string(text), ends_.end()});
            return;
        }
        std::string* const old = value->text();
        if (old != nullptr && old->capacity() <= 2 * text.size() + 64) {
            *old = text;
        } else {
            value->data.emplace<std::string>(text);
        }
        if (!keep_end) {
            forget_end(*value);
        }
    }
    /// Of a key that is there.
    void set_end(std::string_view key, eddy::TimePoint when) {
        const auto place = values_.find(key);
        const auto end = ends_.emplace(when, &place->first);
        forget_end(place->second);
        place->second.end = end;
        if (place->second.end == ends_.begin()) {
            first_end_changed_.notify_one();
        }
    }

    /// Adds items to the list of a key, made if there is no such key: all of them, or none. Returns
    /// how long it is then, before those who wait are served; nothing for a key that holds
    /// something else.
    std::optional<std::size_t> push(std::string_view key, Side side, Items&& items);
    /// An item, or none.
    [[nodiscard]] Items take(std::string_view key, Side side);

    /// Waits for an item from the left. `key` outlives the operation. For several keys: `select`.
    ///
    /// Cancellation: nothing was taken.
    [[nodiscard]] Pop pop(std::string_view key);

    /// Erases keys when their end has come, a hundred at a time, for ever.
    [[nodiscard]] eddy::Task<> sweep() {
        while (true) {
            const auto first = ends_.empty() ? eddy::never : ends_.begin()->first;
            co_await eddy::select(first_end_changed_.wait(), eddy::sleep_until(first));
            const auto now = eddy::now();
            for (int i = 0; i < 100 && !ends_.empty() && ends_.begin()->first <= now; ++i) {
                erase(values_.find(*ends_.begin()->second));
            }
            co_await eddy::yield();
        }
    }

    /// With those whose end has come, until `sweep` or somebody who asks finds them.
    [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }

    struct Lists {
        std::size_t keys = 0;
        std::size_t items = 0;
    };
    /// Counted one by one.
    [[nodiscard]] Lists lists() {
        Lists all;
        for (auto& [key, value] : values_) {
            if (const Items* const items = value.list()) {
                ++all.keys;
                all.items += items->size();
            }
        }
        return all;
    }
    /// Keys that somebody waits for.
    [[nodiscard]] std::size_t awaited() const noexcept { return waiting_.size(); }

private:
    using Place = ByKey<Value>::iterator;

    void forget_end(Value& value) {
        if (value.end != ends_.end()) {
            ends_.erase(value.end);
            value.end = ends_.end();
        }
    }
    void erase(Place place) {
        forget_end(place->second);
        values_.erase(place);
    }
    /// For one more key, beside all that may be put back.
    void make_room() {
        const std::size_t most = values_.size() + loans_ + 1;
        if (most >= values_.bucket_count()) {
            values_.reserve(2 * most);
        }
    }
    void serve_waiting(std::string_view key) noexcept;
    void put_back(Loan& loan) noexcept;

    // Invariant: no list is empty, no queue is. Where somebody waits there is no list. ends_ has
    // each end there is, and the key it is of. values_ has buckets for the loans_ too.
    ByKey<Value> values_;
    ByKey<Value> mint_;  // empty: makes entries that values_ can take without an allocation
    std::size_t loans_ = 0;
    ByKey<eddy::WaitQueue> waiting_;
    Ends ends_;
    eddy::Notify first_end_changed_;
};

/// An item, or none yet, on its way to somebody. Unless it is `kept`, it goes back to where it was,
/// for others may wait for it. If the key holds a text by then, it goes where its list would have
/// gone: it is forgotten. Of several that come back, the last comes to stand first.
///
/// It has brought an entry for a new list along: that it goes back needs no memory.
class Store::Loan {
public:
    Loan(Store& store, std::string_view key) : store_(&store) {
        store.make_room();
        store.mint_.try_emplace(std::string(key), Value{Items(), store.ends_.end()});
        entry_ = store.mint_.extract(store.mint_.begin());
        ++store.loans_;
    }
    Loan(Loan&& other) noexcept
        : store_(std::exchange(other.store_, nullptr)),
          entry_(std::move(other.entry_)),
          item_(std::move(other.item_)) {}
    Loan& operator=(Loan&&) = delete;
    ~Loan() {
        if (store_ != nullptr) {
            --store_->loans_;
            store_->put_back(*this);
        }
    }

    [[nodiscard]] const std::string& key() const noexcept { return entry_.key(); }
    [[nodiscard]] const std::string& text() const noexcept { return item_.front(); }
    void kept() noexcept { item_.clear(); }

private:
    friend class Store;
    friend class Pop;

    Store* store_;  // null: moved from
    ByKey<Value>::node_type entry_;
    Items item_;
};

/// The wait for an item of one key.
class Store::Pop final : public eddy::QueuedWaiter {
public:
    Pop(Store& store, std::string_view key) noexcept : store_(store), key_(key) {}

    [[nodiscard]] bool try_now() {
        loan_.emplace(store_, key_);
        loan_->item_ = store_.take(key_, Side::left);
        return !loan_->item_.empty();
    }
    void start() {
        const auto place = store_.waiting_.find(key_);
        if (place != store_.waiting_.end()) {
            place->second.push_back(*this);
        } else {
            store_.waiting_[std::string(key_)].push_back(*this);
        }
    }
    [[nodiscard]] Loan take() noexcept { return std::move(*loan_); }
    [[nodiscard]] const char* what() const noexcept override { return "Store::pop"; }

private:
    friend class Store;

    void unlink() noexcept override {
        QueuedWaiter::unlink();
        const auto place = store_.waiting_.find(key_);
        if (place->second.empty()) {
            store_.waiting_.erase(place);
        }
    }
    /// The job has died with the item in its hands.
    void pass_on() noexcept override { loan_.reset(); }

    Store& store_;
    std::string_view key_;
    std::optional<Loan> loan_;
};

inline Store::Pop Store::pop(std::string_view key) { return {*this, key}; }

inline std::optional<std::size_t> Store::push(std::string_view key, Side side, Items&& items) {
    Value* value = find(key);
    if (value == nullptr) {
        make_room();
        value = &values_.try_emplace(std::string(key), Value{Items(), ends_.end()}).first->second;
    }
    Items* const list = value->list();
    if (list == nullptr) {
        return std::nullopt;
    }
    list->splice(side == Side::left ? list->begin() : list->end(), items);
    const std::size_t size = list->size();
    serve_waiting(key);
    return size;
}

inline Store::Items Store::take(std::string_view key, Side side) {
    Items item;
    const auto place = find(key) != nullptr ? values_.find(key) : values_.end();
    Items* const list = place != values_.end() ? place->second.list() : nullptr;
    if (list != nullptr) {
        item.splice(
            item.begin(), *list, side == Side::left ? list->begin() : std::prev(list->end()));
        if (list->empty()) {
            erase(place);
        }
    }
    return item;
}

inline void Store::serve_waiting(std::string_view key) noexcept {
    while (!waiting_.empty()) {
        const auto place = waiting_.find(key);
        if (place == waiting_.end()) {
            break;
        }
        Items item = take(key, Side::left);
        if (item.empty()) {
            break;
        }
        auto& waiter = static_cast<Pop&>(*place->second.pop_front());
        if (place->second.empty()) {
            waiting_.erase(place);
        }
        waiter.loan_->item_ = std::move(item);
        key = waiter.loan_->key();  // the one that was given may have gone with its list
        waiter.commit();            // which takes its rivals out of their queues
    }
}

inline void Store::put_back(Loan& loan) noexcept {
    if (loan.item_.empty()) {
        return;
    }
    auto place = find(loan.key()) != nullptr ? values_.find(loan.key()) : values_.end();
    if (place == values_.end()) {
        place = values_.insert(std::move(loan.entry_)).position;
    }
    if (Items* const list = place->second.list()) {
        list->splice(list->begin(), loan.item_);
        serve_waiting(place->first);
    }
}

}  // namespace resp
