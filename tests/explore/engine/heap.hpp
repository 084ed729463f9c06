// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace explore {

/// The heap of an execution. It gives out nothing twice, so that whoever uses what is freed is
/// caught, and it is empty at the end of an execution, or that has leaked.
class Heap {
public:
    void clear();

    [[nodiscard]] void* allocate(std::size_t size, std::size_t alignment);
    [[nodiscard]] bool has(const void* block) const noexcept;
    void release(void* block, std::uintptr_t pc);

    /// Fails if some of it is not, or not any more, allocated.
    void check(std::uintptr_t address, std::size_t size, std::uintptr_t pc);

    [[nodiscard]] std::size_t blocks() const noexcept { return blocks_; }
    [[nodiscard]] std::size_t first_left() const noexcept;

private:
    enum State : std::uint8_t { free_yet, allocated, freed };
    struct Block {
        std::size_t offset;
        std::size_t size;
        bool freed;
    };

    std::size_t used_ = 0;
    std::size_t blocks_ = 0;
    std::vector<Block> all_;
    std::vector<std::uint8_t> states_;  // of every eight bytes
};

extern Heap& heap;

}  // namespace explore
