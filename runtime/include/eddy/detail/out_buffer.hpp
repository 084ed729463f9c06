// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// The bytes that are to be written to a stream, in pieces that stay where they are.
///
/// Its memory comes from the thread's `BufferPool`, a piece at a time, and goes back there as it is
/// consumed: what is empty has none. At most twice as much as was in it at once, and 4 KiB.
class EDDY_API OutBuffer final {
public:
    using Bytes = std::span<const std::byte>;

    OutBuffer() noexcept = default;
    OutBuffer(const OutBuffer&) = delete;
    OutBuffer& operator=(const OutBuffer&) = delete;
    ~OutBuffer() { clear(); }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// How much more fits into the memory that it has in hand.
    [[nodiscard]] std::size_t room() const noexcept { return room_; }

    /// Requires: something, and room for it.
    void append_here(Bytes bytes) noexcept {
        std::memcpy(free_, bytes.data(), bytes.size());
        free_ += bytes.size();
        room_ -= bytes.size();
        size_ += bytes.size();
    }

    /// Copies all of them behind what is there; `total` is what they come to, above zero.
    ///
    /// Throws: `std::bad_alloc`; nothing was added.
    void append(std::span<const Bytes> parts, std::size_t total);
    /// What is there, from the front, as far as there are `parts` for it; `total` is what they come
    /// to. It stays where it is until it is consumed.
    [[nodiscard]] std::size_t gather(std::span<Bytes> parts, std::size_t& total) const noexcept;
    void consume(std::size_t length) noexcept;
    void clear() noexcept;

private:
    struct Segment;

    void add_segment(std::size_t least, std::span<const Bytes> parts);
    [[nodiscard]] std::byte* end_of(const Segment& segment) const noexcept;

    // Invariant: size_ is what the segments have between their begin and their end; each has
    // something. Of the last one, free_ is the end, and room_ what is behind it; none: null and 0.
    Segment* first_ = nullptr;
    Segment* last_ = nullptr;
    std::byte* free_ = nullptr;
    std::size_t room_ = 0;
    std::size_t size_ = 0;
};

}  // namespace eddy::inline v0_1::detail
