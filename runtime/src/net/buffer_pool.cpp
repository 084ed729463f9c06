// SPDX-License-Identifier: MIT
#include <eddy/detail/buffer_pool.hpp>

#include <algorithm>
#include <bit>
#include <new>

#include <eddy/detail/frame_pool.hpp>

namespace eddy::inline v0_1::detail {

namespace {

#if EDDY_FRAME_POOL

constexpr std::size_t pool_sizes =
    std::countr_zero(BufferPool::largest) - std::countr_zero(BufferPool::smallest) + 1;
constexpr std::size_t kept_of_each = 128UL * 1024;  // bytes

struct FreeBuffer {
    FreeBuffer* next;
};
struct FreeBuffers {
    FreeBuffer* first;
    std::size_t count;
};

constinit thread_local FreeBuffers free_buffers[pool_sizes] = {};
constinit thread_local bool buffers_are_kept = false;  // from the first one to the thread's end

/// Gives back what the thread has kept. What comes later, from other thread-local destructors, is
/// not kept.
struct BuffersAtExit {
    BuffersAtExit() noexcept { buffers_are_kept = true; }
    BuffersAtExit(const BuffersAtExit&) = delete;
    BuffersAtExit& operator=(const BuffersAtExit&) = delete;
    ~BuffersAtExit() {
        buffers_are_kept = false;
        for (FreeBuffers& list : free_buffers) {
            while (list.first != nullptr) {
                ::operator delete(std::exchange(list.first, list.first->next));
            }
            list.count = 0;
        }
    }
};

[[nodiscard]] FreeBuffers* free_list_of(std::size_t capacity) noexcept {
    if (capacity > BufferPool::largest) {
        return nullptr;
    }
    return &free_buffers[std::countr_zero(capacity) - std::countr_zero(BufferPool::smallest)];
}

#endif

}  // namespace

std::size_t BufferPool::capacity_for(std::size_t bytes) noexcept {
    return bytes <= largest ? std::bit_ceil(std::max(bytes, smallest)) : bytes;
}

#if EDDY_FRAME_POOL

std::byte* BufferPool::take(std::size_t capacity) {
    FreeBuffers* const list = free_list_of(capacity);
    if (list == nullptr || list->first == nullptr) {
        return static_cast<std::byte*>(::operator new(capacity));
    }
    --list->count;
    return reinterpret_cast<std::byte*>(std::exchange(list->first, list->first->next));
}

void BufferPool::give_back(std::byte* memory, std::size_t capacity) noexcept {
    FreeBuffers* const list = free_list_of(capacity);
    if (list != nullptr) {
        static thread_local const BuffersAtExit at_exit;
        if (buffers_are_kept && list->count < kept_of_each / capacity) {
            list->first = new (memory) FreeBuffer{list->first};
            ++list->count;
            return;
        }
    }
    ::operator delete(memory);
}

#else

std::byte* BufferPool::take(std::size_t capacity) {
    return static_cast<std::byte*>(::operator new(capacity));
}
void BufferPool::give_back(std::byte* memory, std::size_t) noexcept { ::operator delete(memory); }

#endif

}  // namespace eddy::inline v0_1::detail
