// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "clock.hpp"

namespace explore {

/// The memory that is watched: the heap of an execution, the stacks of its threads, and the
/// program's own variables. Each execution finds the first two as the one before did, so the same
/// decisions lead to the same addresses.
class Region {
public:
    static constexpr std::size_t heap_size = std::size_t{1} << 19U;
    static constexpr std::size_t stack_size = std::size_t{1} << 17U;

    static void make();

    [[nodiscard]] static std::byte* heap() noexcept { return base_; }
    [[nodiscard]] static std::byte* stack(std::size_t thread) noexcept {
        return base_ + heap_size + thread * stack_size;
    }
    [[nodiscard]] static bool in_heap(std::uintptr_t address) noexcept {
        return address - first_ < heap_size;
    }
    [[nodiscard]] static bool has(std::uintptr_t address) noexcept {
        return address - first_ < size;
    }
    /// Which of the pieces of eight bytes it is in.
    [[nodiscard]] static std::size_t granule(std::uintptr_t address) noexcept {
        return (address - first_) / 8;
    }
    [[nodiscard]] static constexpr std::size_t granules() noexcept { return size / 8; }
    /// The program's variables, but for those of each thread.
    [[nodiscard]] static bool in_variables(std::uintptr_t address) noexcept;

private:
    static constexpr std::size_t size = heap_size + stack_size * max_threads;

    static inline std::byte* base_ = nullptr;
    static inline std::uintptr_t first_ = 0;
};

}  // namespace explore
