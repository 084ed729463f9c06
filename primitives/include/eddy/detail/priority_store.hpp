// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <eddy/detail/item_store.hpp>

namespace eddy::inline v0_1::detail {

/// What is before all others comes out first, equals in the order they went in: a binary heap whose
/// entries are numbered.
template <class T, class Before>
class PriorityStore final {
public:
    struct Entry {
        T item;
        std::uint64_t number;
    };

    PriorityStore() = default;
    explicit PriorityStore(std::size_t room) : slots_(room) {}
    PriorityStore(PriorityStore&& other) noexcept
        : slots_(std::move(other.slots_)),
          size_(std::exchange(other.size_, 0)),
          numbered_(other.numbered_) {}
    PriorityStore& operator=(PriorityStore&&) = delete;
    ~PriorityStore() {
        while (size_ != 0) {
            static_cast<void>(slots_.extract(--size_));
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t room() const noexcept { return slots_.count(); }
    void set_room(std::size_t room) {
        Slots<Entry> other(room);
        for (std::size_t i = 0; i < size_; ++i) {
            other.create(i, slots_.extract(i));
        }
        slots_ = std::move(other);
    }

    [[nodiscard]] Entry make(T&& item) noexcept { return Entry{std::move(item), numbered_++}; }
    [[nodiscard]] static T take_from(Entry&& entry) noexcept { return std::move(entry.item); }
    void push(T&& item) noexcept { restore(make(std::move(item))); }

    [[nodiscard]] Entry pop() noexcept {
        Entry first = slots_.extract(0);
        if (--size_ != 0) {
            sink(slots_.extract(size_));
        }
        return first;
    }
    /// Its number puts it before the equals that came after it.
    void restore(Entry&& entry) noexcept {
        std::size_t hole = size_++;
        while (hole != 0 && before(entry, slots_[(hole - 1) / 2])) {
            slots_.shift((hole - 1) / 2, hole);
            hole = (hole - 1) / 2;
        }
        slots_.create(hole, std::move(entry));
    }

private:
    [[nodiscard]] bool before(const Entry& a, const Entry& b) const noexcept {
        const Before& order = before_;
        if (order(a.item, b.item)) {
            return true;
        }
        return !order(b.item, a.item) && a.number < b.number;
    }

    /// Puts `entry` in at the top, where none is.
    void sink(Entry&& entry) noexcept {
        std::size_t hole = 0;
        while (true) {
            std::size_t child = 2 * hole + 1;
            if (child + 1 < size_ && before(slots_[child + 1], slots_[child])) {
                ++child;
            }
            if (child >= size_ || !before(slots_[child], entry)) {
                break;
            }
            slots_.shift(child, hole);
            hole = child;
        }
        slots_.create(hole, std::move(entry));
    }

    // Invariant: no slot is before slot (its index - 1) / 2.
    [[no_unique_address]] Before before_{};
    Slots<Entry> slots_;
    std::size_t size_ = 0;
    std::uint64_t numbered_ = 0;
};

}  // namespace eddy::inline v0_1::detail
