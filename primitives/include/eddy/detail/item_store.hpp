// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

/// Where queues and channels keep their items. A store has an `Entry`, what it makes of an item,
/// and only `set_room` allocates, to grow or to shrink: everything else needs the room to be there
/// already. `restore` undoes a `pop`: the entry becomes the next one to come out, as it would have
/// been.

namespace eddy::inline v0_1::detail {

/// Memory for a number of items, none of which is alive.
template <class T>
class Slots final {
public:
    Slots() noexcept = default;
    explicit Slots(std::size_t count)
        : data_(count != 0 ? std::allocator<T>().allocate(count) : nullptr), count_(count) {}
    Slots(Slots&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
    Slots& operator=(Slots other) noexcept {
        std::swap(data_, other.data_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~Slots() {
        if (data_ != nullptr) {
            std::allocator<T>().deallocate(data_, count_);
        }
    }

    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] T& operator[](std::size_t index) const noexcept { return data_[index]; }

    template <class... Args>
    void create(std::size_t index, Args&&... args) const noexcept {
        std::construct_at(data_ + index, std::forward<Args>(args)...);
    }
    [[nodiscard]] T extract(std::size_t index) const noexcept {
        T item = std::move(data_[index]);
        std::destroy_at(data_ + index);
        return item;
    }
    /// The item at `from` goes to `to`, where none is.
    void shift(std::size_t from, std::size_t to) const noexcept {
        create(to, std::move(data_[from]));
        std::destroy_at(data_ + from);
    }

private:
    T* data_ = nullptr;
    std::size_t count_ = 0;
};

/// First in, first out: a ring.
template <class T>
class FifoStore final {
public:
    using Entry = T;

    FifoStore() noexcept = default;
    explicit FifoStore(std::size_t room) : slots_(room) {}
    FifoStore(FifoStore&& other) noexcept
        : slots_(std::move(other.slots_)),
          head_(std::exchange(other.head_, 0)),
          size_(std::exchange(other.size_, 0)) {}
    FifoStore& operator=(FifoStore&&) = delete;
    ~FifoStore() {
        while (size_ != 0) {
            static_cast<void>(pop());
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t room() const noexcept { return slots_.count(); }
    /// Requires: not below `size`. Throws: `std::bad_alloc`, nothing changed.
    void set_room(std::size_t room) {
        Slots<T> other(room);
        for (std::size_t i = 0; i < size_; ++i) {
            other.create(i, slots_.extract(place(i)));
        }
        slots_ = std::move(other);
        head_ = 0;
    }

    [[nodiscard]] T make(T&& item) const noexcept { return std::move(item); }
    [[nodiscard]] static T take_from(T&& entry) noexcept { return std::move(entry); }
    void push(T&& item) noexcept { slots_.create(place(size_++), std::move(item)); }
    [[nodiscard]] T pop() noexcept {
        const std::size_t first = head_;
        head_ = first + 1 == slots_.count() ? 0 : first + 1;
        --size_;
        return slots_.extract(first);
    }
    void restore(T&& entry) noexcept {
        head_ = (head_ == 0 ? slots_.count() : head_) - 1;
        ++size_;
        slots_.create(head_, std::move(entry));
    }

private:
    [[nodiscard]] std::size_t place(std::size_t index) const noexcept {
        const std::size_t at = head_ + index;
        return at < slots_.count() ? at : at - slots_.count();
    }

    Slots<T> slots_;
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

/// Last in, first out: a stack.
template <class T>
class LifoStore final {
public:
    using Entry = T;

    LifoStore() noexcept = default;
    explicit LifoStore(std::size_t room) : slots_(room) {}
    LifoStore(LifoStore&& other) noexcept
        : slots_(std::move(other.slots_)), size_(std::exchange(other.size_, 0)) {}
    LifoStore& operator=(LifoStore&&) = delete;
    ~LifoStore() {
        while (size_ != 0) {
            static_cast<void>(pop());
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t room() const noexcept { return slots_.count(); }
    void set_room(std::size_t room) {
        Slots<T> other(room);
        for (std::size_t i = 0; i < size_; ++i) {
            other.create(i, slots_.extract(i));
        }
        slots_ = std::move(other);
    }

    [[nodiscard]] T make(T&& item) const noexcept { return std::move(item); }
    [[nodiscard]] static T take_from(T&& entry) noexcept { return std::move(entry); }
    void push(T&& item) noexcept { slots_.create(size_++, std::move(item)); }
    [[nodiscard]] T pop() noexcept { return slots_.extract(--size_); }
    void restore(T&& entry) noexcept { push(std::move(entry)); }

private:
    Slots<T> slots_;
    std::size_t size_ = 0;
};

}  // namespace eddy::inline v0_1::detail
