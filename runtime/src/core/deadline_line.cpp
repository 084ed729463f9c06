// SPDX-License-Identifier: MIT
#include <eddy/detail/deadline_line.hpp>

#include <algorithm>
#include <new>

#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

bool DeadlineLine::make_room() noexcept {
    if (end_ - first_ == capacity_) {
        const bool crowded = living_ >= capacity_ / 2;
        if (!crowded || !resize(std::max(capacity_ * 2, least_capacity))) {
            if (living_ == capacity_) {
                return false;
            }
            close_up();
        }
    } else if (capacity_ > least_capacity && most_ < capacity_ / 4) {
        close_up();
        resize(capacity_ / 2);  // or not, if there is no memory for it
    }
    most_ = living_;
    return true;
}

bool DeadlineLine::resize(std::uint32_t capacity) noexcept {
    EDDY_ASSERT(end_ - first_ <= capacity);
    DeadlineEntry* memory = nullptr;
    try {
        memory = static_cast<DeadlineEntry*>(::operator new(capacity * sizeof(DeadlineEntry)));
    } catch (...) {
        return false;
    }
    for (std::uint32_t i = first_; i != end_; ++i) {
        memory[i & (capacity - 1)] = at(i);
    }
    ring_.reset(memory);
    capacity_ = capacity;
    return true;
}

void DeadlineLine::close_up() noexcept {
    std::uint32_t to = first_;
    for (std::uint32_t from = first_; from != end_; ++from) {
        if (end_ - from > prefetched) {
            __builtin_prefetch(at(from + prefetched).node, 1);
        }
        if (at(from).node != nullptr) {
            if (from != to) {
                place(to, at(from));
            }
            ++to;
        }
    }
    end_ = to;
}

bool DeadlineLine::squeeze_in(const DeadlineEntry& entry) noexcept {
    if (living_ == capacity_) {
        return false;
    }
    close_up();
    std::uint32_t to = end_++;
    ++living_;
    for (; to != first_ && entry.before(at(to - 1)); --to) {
        place(to, at(to - 1));
    }
    place(to, entry);
    return true;
}

}  // namespace eddy::inline v0_1::detail
