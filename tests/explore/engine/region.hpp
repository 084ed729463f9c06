// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace explore {

/// The memory that is watched: the heap of an execution, the stacks of its threads, and the
/// program's own variables. Each execution finds the first two as the one before did, so the same
/// decisions lead to the same addresses.
class Region {
public:
    static constexpr std::size_t heap_size = std::size_t{1} << 19U;
    static constexpr std::size_t stack_size = std::size_t{1} << 17U;

    static void make();

    [[nodiscard]] static std::byte* heap() noexcept;
    [[nodiscard]] static std::byte* stack(std::size_t thread) noexcept;
    [[nodiscard]] static bool in_heap(std::uintptr_t address) noexcept;
    /// An index of its eight bytes, for what is in heap and stacks.
    [[nodiscard]] static bool has(std::uintptr_t address) noexcept;
    [[nodiscard]] static std::size_t granule(std::uintptr_t address) noexcept;
    [[nodiscard]] static std::size_t granules() noexcept;
    /// The program's variables, but for those of each thread.
    [[nodiscard]] static bool in_variables(std::uintptr_t address) noexcept;
};

}  // namespace explore
