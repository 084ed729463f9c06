// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <eddy/detail/split_mix.hpp>
#include <eddy/time.hpp>

namespace simulation {

/// All that is left to chance comes from here, and so from the seed.
class Chance final {
public:
    explicit Chance(std::uint64_t seed) noexcept : random_(seed) {}

    [[nodiscard]] std::uint64_t number() noexcept { return random_.next(); }
    /// In [low, high].
    [[nodiscard]] std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept {
        return low + random_.next() % (high - low + 1);
    }
    [[nodiscard]] eddy::Duration between(eddy::Duration low, eddy::Duration high) noexcept {
        return eddy::Duration(static_cast<eddy::Duration::rep>(between(
            static_cast<std::uint64_t>(low.count()), static_cast<std::uint64_t>(high.count()))));
    }
    [[nodiscard]] bool one_in(std::uint64_t n) noexcept { return random_.next() % n == 0; }

private:
    eddy::detail::SplitMix random_;
};

}  // namespace simulation
