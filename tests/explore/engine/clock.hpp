// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace explore {

inline constexpr std::size_t max_threads = 8;

using Stamp = std::uint32_t;

/// A vector clock: how much of each thread's past somebody has seen.
struct Clock {
    std::array<Stamp, max_threads> at{};

    void join(const Clock& other) noexcept {
        for (std::size_t i = 0; i < max_threads; ++i) {
            at[i] = std::max(at[i], other.at[i]);
        }
    }
    /// What `thread` did at `stamp` happened before.
    [[nodiscard]] bool covers(std::size_t thread, Stamp stamp) const noexcept {
        return at[thread] >= stamp;
    }
};

/// What has led somewhere, as a number: a hash of the past, in order.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t past, std::uint64_t next) noexcept {
    std::uint64_t x = past + 0x9E3779B97F4A7C15U + (next ^ (next >> 29U)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 32U)) * 0x94D049BB133111EBU;
    return x ^ (x >> 29U);
}

}  // namespace explore
