// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <utility>

#include <eddy/detail/brought_item.hpp>
#include <eddy/queue.hpp>

namespace eddy::inline v0_1 {

template <class T, class Order>
class Queue<T, Order>::Put : public Exchange::Give {
public:
    explicit Put(Queue& queue, T& item) noexcept : Exchange::Give(queue, item) {}

    [[nodiscard]] bool try_now() {
        queue().check_open(Order::names.put);
        return this->try_give();
    }
    void take() const {
        if (this->end_ != Exchange::End::done) [[unlikely]] {
            Queue::throw_shut(Order::names.put);
        }
    }
    [[nodiscard]] const char* what() const noexcept override { return Order::names.put; }

private:
    [[nodiscard]] Queue& queue() const noexcept { return static_cast<Queue&>(this->exchange_); }
};

/// Brings its own item.
template <class T, class Order>
class Queue<T, Order>::PutCopy final : public Put {
public:
    explicit PutCopy(Queue& queue, const T& item)
        : Put(queue, brought_.item), brought_(std::in_place, item) {}

    [[nodiscard]] bool try_now() {
        brought_.require(Order::names.put);
        return Put::try_now();
    }
    void take() {
        Put::take();
        brought_.given();
    }

private:
    void pass_on() noexcept override {
        if (this->end_ == Exchange::End::done) {
            brought_.given();
        }
    }

    detail::BroughtItem<T> brought_;
};

/// R is T, or optional<T>, which is empty at the end.
template <class T, class Order>
template <class R>
class Queue<T, Order>::Get final : public Exchange::Take {
    static constexpr bool throws_at_end = std::is_same_v<R, T>;

public:
    explicit Get(Queue& queue) noexcept : Exchange::Take(queue) {}

    [[nodiscard]] bool try_now() {
        Queue& queue = static_cast<Queue&>(this->exchange_);
        queue.bound_.check(what());
        return this->try_take() || queue.shut_;
    }
    [[nodiscard]] R take() {
        if (this->entry_) [[likely]] {
            return this->take_item();
        }
        if constexpr (throws_at_end) {
            Queue::throw_drained(Order::names.get);
        } else {
            return std::nullopt;
        }
    }
    [[nodiscard]] const char* what() const noexcept override {
        return throws_at_end ? Order::names.get : Order::names.next;
    }
};

template <class T, class Order>
std::optional<T> Queue<T, Order>::try_get() {
    this->bound_.check(Order::names.get);
    std::optional<typename Exchange::Entry> entry;
    if (!this->try_take(entry)) {
        return std::nullopt;
    }
    this->trim();
    return Order::template Store<T>::take_from(std::move(*entry));
}

template <class T, class Order>
void Queue<T, Order>::shutdown(Shutdown how) {
    this->bound_.check("Queue::shutdown");
    const bool dropping = how == Shutdown::immediate && !this->dropping_;
    if (!dropping) {
        this->shut(this->dropping_);
        return;
    }
    const auto dropped = this->take_all();  // ends last, when everything has been said
    this->shut(true);
    this->discarded(dropped.size());
}

}  // namespace eddy::inline v0_1
