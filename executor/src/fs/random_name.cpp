// SPDX-License-Identifier: MIT
#include "fs/random_name.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <sys/random.h>
#include <unistd.h>

#include <eddy/detail/split_mix.hpp>

namespace eddy::inline v0_1::detail {

namespace {

[[nodiscard]] std::uint64_t hard_to_guess() noexcept {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, GRND_NONBLOCK) == sizeof number) {
        return number;
    }
    static std::atomic<std::uint64_t> count{0};
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    SplitMix mix(static_cast<std::uint64_t>(now));
    const std::uint64_t first = mix.next();
    const auto process = static_cast<std::uint64_t>(::getpid());
    mix = SplitMix(first ^ (process << 32U) ^ count.fetch_add(1, std::memory_order_relaxed));
    return mix.next();
}

}  // namespace

std::string random_name(std::string_view prefix, std::string_view suffix) {
    constexpr std::string_view digits = "abcdefghijklmnopqrstuvwxyz234567";
    constexpr int bits = 5;
    std::string name(prefix);
    std::uint64_t number = hard_to_guess();
    for (int left = 64; left > 0; left -= bits) {
        name += digits[number % digits.size()];
        number >>= 5U;
    }
    name += suffix;
    return name;
}

}  // namespace eddy::inline v0_1::detail
