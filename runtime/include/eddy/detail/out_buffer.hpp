// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
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

    [[nodiscard]] Segment* add_segment(std::size_t least);
    static void release(Segment* segment) noexcept;

    // Invariant: size_ is what the segments have between begin and end; each has something.
    Segment* first_ = nullptr;
    Segment* last_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace eddy::inline v0_1::detail
