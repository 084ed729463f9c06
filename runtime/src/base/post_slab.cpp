// SPDX-License-Identifier: MIT
#include <eddy/detail/post_slab.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include <eddy/detail/frame_pool.hpp>

namespace eddy::inline v0_1::detail {

#if EDDY_FRAME_POOL

namespace {

struct Slab;

/// A block, and before it whose it is.
struct alignas(std::max_align_t) Block {
    Slab* slab;
    alignas(std::max_align_t) std::byte bytes[PostSlab::block_size];
};

struct Slab {
    // Blocks that are in use or not cut yet. Any thread subtracts, the last one frees the slab:
    // release and acquire, so that everybody else is done with their block by then.
    std::atomic<std::uint32_t> left;
    Block all[PostSlab::blocks];

    explicit Slab(std::uint32_t count) noexcept : left(count) {}

    void give_back(std::uint32_t count) noexcept {
        if (left.fetch_sub(count, std::memory_order_acq_rel) == count) {
            delete this;
        }
    }
};

/// Where this thread cuts. Trivial, so that what other thread-local destructors post late finds it
/// in order.
struct Cursor {
    Slab* slab;
    std::uint32_t left;
    bool ended;  // then a slab is cut once
};

constinit thread_local Cursor cursor{};

/// Gives back what the thread has not cut.
struct ThreadExit {
    ThreadExit() noexcept = default;
    ThreadExit(const ThreadExit&) = delete;
    ThreadExit& operator=(const ThreadExit&) = delete;
    ~ThreadExit() {
        cursor.ended = true;
        if (cursor.left != 0) {
            cursor.slab->give_back(std::exchange(cursor.left, 0));
        }
    }
};

[[gnu::noinline]] void new_slab() {
    static thread_local ThreadExit exit_guard;
    const std::uint32_t count = cursor.ended ? 1 : PostSlab::blocks;
    cursor.slab = new Slab(count);
    cursor.left = count;
}

[[nodiscard]] void* cut() {
    if (cursor.left == 0) [[unlikely]] {
        new_slab();
    }
    Block& block = cursor.slab->all[PostSlab::blocks - cursor.left--];
    block.slab = cursor.slab;
    return block.bytes;
}

}  // namespace

void* PostSlab::allocate(std::size_t size) {
    return size <= block_size ? cut() : ::operator new(size);
}

void PostSlab::release(void* memory, std::size_t size) noexcept {
    if (size > block_size) {
        ::operator delete(memory);
        return;
    }
    auto* const block =
        reinterpret_cast<Block*>(static_cast<std::byte*>(memory) - offsetof(Block, bytes));
    block->slab->give_back(1);
}

#else

void* PostSlab::allocate(std::size_t size) { return ::operator new(size); }
void PostSlab::release(void* memory, std::size_t) noexcept { ::operator delete(memory); }

#endif

}  // namespace eddy::inline v0_1::detail
