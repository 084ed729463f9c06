// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <new>

#include <eddy/detail/export.hpp>

#ifndef EDDY_FRAME_POOL
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EDDY_FRAME_POOL 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define EDDY_FRAME_POOL 0
#endif
#endif
#endif
#ifndef EDDY_FRAME_POOL
#define EDDY_FRAME_POOL 1
#endif

namespace eddy::inline v0_1::detail {

/// Recycles the memory of coroutine frames and jobs, per thread, in classes of 16 bytes.
///
/// Bounded: a class keeps at most `max_cached` blocks, what comes back beyond that goes to the
/// heap. Memory may come back on another thread than it was taken on. Off under sanitizers, so that
/// they see every frame's end (each file may decide for itself: both ways share the same heap).
///
/// Always inlined: in a frame the size is a constant, and what is left is six instructions.
///
/// Cost: about 1 ns each way when warm, against 12 to 40 ns for malloc and free.
class EDDY_API FramePool final {
public:
    // 8, 24, 40 ... bytes: with the 8 bytes that most heaps put before a block, no byte is lost.
    static constexpr std::size_t granularity = 16;
    static constexpr std::size_t class_count = 64;  // up to 1,016 bytes
    static constexpr std::size_t max_cached = 4'096;

    [[nodiscard, gnu::always_inline]] static void* allocate(std::size_t size) {
#if EDDY_FRAME_POOL
        const std::size_t index = class_of(size);
        if (index < class_count) [[likely]] {
            FreeList& list = lists_[index];
            if (Block* block = list.head) [[likely]] {
                list.head = block->next;
                ++list.room;
                return block;
            }
            return ::operator new(bytes_of(index));
        }
#endif
        // Whole classes here too: a file with a pool may be the one that releases it.
        return ::operator new(bytes_of(class_of(size)));
    }

    [[gnu::always_inline]] static void release(void* memory, std::size_t size) noexcept {
#if EDDY_FRAME_POOL
        const std::size_t index = class_of(size);
        if (index < class_count) [[likely]] {
            FreeList& list = lists_[index];
            if (list.room != 0) [[likely]] {
                list.head = new (memory) Block{list.head};
                --list.room;
                return;
            }
            release_slow(list, memory);
            return;
        }
#endif
        static_cast<void>(size);
        ::operator delete(memory);
    }

private:
    [[nodiscard]] static constexpr std::size_t class_of(std::size_t size) noexcept {
        return (size + granularity / 2 - 1) / granularity;
    }
    [[nodiscard]] static constexpr std::size_t bytes_of(std::size_t index) noexcept {
        return index * granularity + granularity / 2;
    }

    struct Block {
        Block* next;
    };
    struct FreeList {
        Block* head;
        std::size_t room;  // for so many more; none before the thread's first release
    };

    /// No room: the thread's first release, which makes sure that its end gives everything back,
    /// or a full list.
    static void release_slow(FreeList& list, void* memory) noexcept;

    struct ThreadExit;
    EDDY_THREAD_STATE static constinit thread_local FreeList lists_[class_count];
};

}  // namespace eddy::inline v0_1::detail
