// SPDX-License-Identifier: MIT
#include <eddy/detail/out_buffer.hpp>

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include <eddy/detail/buffer_pool.hpp>

namespace eddy::inline v0_1::detail {

namespace {

constexpr std::size_t largest_growth = 32UL * 1024;

}  // namespace

/// At the beginning of its memory.
struct OutBuffer::Segment {
    Segment* next;
    std::size_t capacity;  // this included
    std::byte* begin;      // of what is to be written
    std::byte* end;        // of it; of the last segment, the buffer knows

    [[nodiscard]] std::byte* memory() noexcept { return reinterpret_cast<std::byte*>(this); }
};

std::byte* OutBuffer::end_of(const Segment& segment) const noexcept {
    return &segment == last_ ? free_ : segment.end;
}

/// Fills the last segment and puts the rest into a new one. Each is twice the one before, so that
/// many small messages need few of them.
void OutBuffer::add_segment(std::size_t least, std::span<const Bytes> parts) {
    if (least > std::numeric_limits<std::size_t>::max() / 2) {
        throw std::bad_alloc();
    }
    const std::size_t growth =
        last_ != nullptr ? std::min(2 * last_->capacity, largest_growth) : BufferPool::smallest;
    const std::size_t capacity =
        BufferPool::capacity_for(std::max(least + sizeof(Segment), growth));
    std::byte* const memory = BufferPool::take(capacity);
    std::byte* const begin = memory + sizeof(Segment);
    auto* const added = ::new (static_cast<void*>(memory)) Segment{nullptr, capacity, begin, begin};
    for (Bytes part : parts) {
        const Bytes here = part.first(std::min(part.size(), room_));
        if (!here.empty()) {
            append_here(here);
        }
        part = part.subspan(here.size());
        if (part.empty()) {
            continue;
        }
        if (last_ != added) {
            if (last_ != nullptr) {
                last_->end = free_;
                last_->next = added;
            } else {
                first_ = added;
            }
            last_ = added;
            free_ = begin;
            room_ = capacity - sizeof(Segment);
        }
        append_here(part);
    }
}

void OutBuffer::append(std::span<const Bytes> parts, std::size_t total) {
    if (total > room_) {
        add_segment(total - room_, parts);
        return;
    }
    for (const Bytes part : parts) {
        if (!part.empty()) {
            append_here(part);
        }
    }
}

std::size_t OutBuffer::gather(std::span<Bytes> parts, std::size_t& total) const noexcept {
    std::size_t count = 0;
    total = 0;
    for (Segment* s = first_; s != nullptr && count < parts.size(); s = s->next) {
        parts[count] = Bytes(s->begin, end_of(*s));
        total += parts[count++].size();
    }
    return count;
}

void OutBuffer::consume(std::size_t length) noexcept {
    size_ -= length;
    while (first_ != nullptr) {
        const auto there = static_cast<std::size_t>(end_of(*first_) - first_->begin);
        const std::size_t here = std::min(length, there);
        first_->begin += here;
        length -= here;
        if (here != there) {
            return;
        }
        Segment* const empty = std::exchange(first_, first_->next);
        BufferPool::give_back(empty->memory(), empty->capacity);
    }
    last_ = nullptr;
    free_ = nullptr;
    room_ = 0;
}

void OutBuffer::clear() noexcept { consume(size_); }

}  // namespace eddy::inline v0_1::detail
