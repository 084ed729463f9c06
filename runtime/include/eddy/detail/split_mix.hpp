// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// splitmix64 (Steele, Lea, Flood 2014): numbers that look random, from a seed of which any is
/// good. For orders and delays, not for secrets.
class EDDY_VISIBLE SplitMix final {
public:
    /// Seeds that are this far apart have nothing in common.
    static constexpr std::uint64_t step = 0x9e3779b97f4a7c15U;

    explicit SplitMix(std::uint64_t seed) noexcept : state_(seed) {}

    [[nodiscard]] std::uint64_t next() noexcept {
        std::uint64_t z = (state_ += step);
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }

private:
    std::uint64_t state_;
};

}  // namespace eddy::inline v0_1::detail
