// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// Recycles what streams are read into, per thread: a connection has a buffer while there is
/// something in it, not while it waits.
///
/// Bounded: of each size, powers of two from 4 to 128 KiB, at most 128 KiB are kept; what is
/// larger, and what comes back beyond that, goes to the heap. Memory may come back on another
/// thread than it was taken on. Off under sanitizers, as the `FramePool` is.
class EDDY_API BufferPool final {
public:
    static constexpr std::size_t smallest = 4UL * 1024;
    static constexpr std::size_t largest = 128UL * 1024;

    /// The capacity that is taken for so many bytes.
    [[nodiscard]] static std::size_t capacity_for(std::size_t bytes) noexcept;

    /// `capacity` comes from `capacity_for`. Throws: `std::bad_alloc`.
    [[nodiscard]] static std::byte* take(std::size_t capacity);
    static void give_back(std::byte* memory, std::size_t capacity) noexcept;
};

/// Memory of the pool, or none.
class PooledBuffer final {
public:
    PooledBuffer() noexcept = default;
    /// Has room for `bytes` at least. Throws: `std::bad_alloc`.
    explicit PooledBuffer(std::size_t bytes)
        : capacity_(BufferPool::capacity_for(bytes)), memory_(BufferPool::take(capacity_)) {}
    PooledBuffer(const PooledBuffer&) = delete;
    PooledBuffer& operator=(PooledBuffer&& other) noexcept {
        const PooledBuffer replaced(std::exchange(memory_, std::exchange(other.memory_, nullptr)),
                                    std::exchange(capacity_, std::exchange(other.capacity_, 0)));
        return *this;
    }
    ~PooledBuffer() {
        if (memory_ != nullptr) {
            BufferPool::give_back(memory_, capacity_);
        }
    }

    [[nodiscard]] std::byte* data() const noexcept { return memory_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    void reset() noexcept { *this = PooledBuffer(); }

private:
    PooledBuffer(std::byte* memory, std::size_t capacity) noexcept
        : capacity_(capacity), memory_(memory) {}

    std::size_t capacity_ = 0;
    std::byte* memory_ = nullptr;
};

}  // namespace eddy::inline v0_1::detail
