// SPDX-License-Identifier: MIT
#include <eddy/detail/out_buffer.hpp>

#include <algorithm>
#include <cstring>
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
    std::size_t begin;     // of what is to be written, from the beginning of the memory
    std::size_t end;

    [[nodiscard]] std::byte* memory() noexcept { return reinterpret_cast<std::byte*>(this); }
    [[nodiscard]] std::size_t size() const noexcept { return end - begin; }
    [[nodiscard]] std::size_t room() const noexcept { return capacity - end; }
};

/// Linked behind the last one. Each is twice the one before, so that many small messages need few
/// of them.
OutBuffer::Segment* OutBuffer::add_segment(std::size_t least) {
    if (least > std::numeric_limits<std::size_t>::max() / 2) {
        throw std::bad_alloc();
    }
    const std::size_t growth =
        last_ != nullptr ? std::min(2 * last_->capacity, largest_growth) : BufferPool::smallest;
    const std::size_t capacity =
        BufferPool::capacity_for(std::max(least + sizeof(Segment), growth));
    auto* const segment = ::new (static_cast<void*>(BufferPool::take(capacity)))
        Segment{nullptr, capacity, sizeof(Segment), sizeof(Segment)};
    (last_ != nullptr ? last_->next : first_) = segment;
    last_ = segment;
    return segment;
}

void OutBuffer::release(Segment* segment) noexcept {
    BufferPool::give_back(segment->memory(), segment->capacity);
}

void OutBuffer::append(std::span<const Bytes> parts, std::size_t total) {
    Segment* segment = last_;
    const std::size_t room = segment != nullptr ? segment->room() : 0;
    if (total > room) {
        Segment* const added = add_segment(total - room);
        segment = room != 0 ? segment : added;
    }
    for (Bytes part : parts) {
        while (!part.empty()) {
            const std::size_t length = std::min(part.size(), segment->room());
            std::memcpy(segment->memory() + segment->end, part.data(), length);
            segment->end += length;
            part = part.subspan(length);
            if (segment->room() == 0 && segment->next != nullptr) {
                segment = segment->next;
            }
        }
    }
    size_ += total;
}

std::size_t OutBuffer::gather(std::span<Bytes> parts, std::size_t& total) const noexcept {
    std::size_t count = 0;
    total = 0;
    for (Segment* s = first_; s != nullptr && count < parts.size(); s = s->next) {
        parts[count++] = Bytes(s->memory() + s->begin, s->size());
        total += s->size();
    }
    return count;
}

void OutBuffer::consume(std::size_t length) noexcept {
    size_ -= length;
    while (first_ != nullptr) {
        const std::size_t here = std::min(length, first_->size());
        first_->begin += here;
        length -= here;
        if (first_->size() != 0) {
            return;
        }
        release(std::exchange(first_, first_->next));
    }
    last_ = nullptr;
}

void OutBuffer::clear() noexcept { consume(size_); }

}  // namespace eddy::inline v0_1::detail
