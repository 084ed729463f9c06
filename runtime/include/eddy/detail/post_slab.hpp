// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// Memory for what one thread makes and another disposes of soon: posted functions.
///
/// Each thread cuts blocks, in order, from a slab of its own, which goes back to the heap with the
/// last of them. So a burst of posts costs one allocation in 63, and leaves the heap's locks alone,
/// which malloc on one thread and free on the other would fight for. A block that stays keeps its
/// whole slab: not for anything that lives long.
///
/// Threading: any; `release` on any other.
/// Cost:      one read-modify-write for a block that comes back. Off under sanitizers.
class EDDY_API PostSlab final {
public:
    static constexpr std::size_t block_size = 64;  // what is bigger comes from the heap
    static constexpr std::size_t blocks = 63;

    [[nodiscard]] static void* allocate(std::size_t size);
    static void release(void* memory, std::size_t size) noexcept;
};

}  // namespace eddy::inline v0_1::detail
