// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>

namespace resp {

/// SipHash: without the secret nobody can find texts that have the same. The numbers of rounds are
/// those for each eight bytes and for the end.
///
/// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF"; 2 and 4 rounds are theirs,
///         1 and 3 what is usual in tables.
template <int rounds = 1, int last_rounds = 3>
[[nodiscard]] std::uint64_t sip_hash(std::string_view text,
                                     const std::array<std::uint64_t, 2>& secret) noexcept {
    std::uint64_t a = secret[0] ^ 0x736f6d6570736575U;
    std::uint64_t b = secret[1] ^ 0x646f72616e646f6dU;
    std::uint64_t c = secret[0] ^ 0x6c7967656e657261U;
    std::uint64_t d = secret[1] ^ 0x7465646279746573U;
    const auto mix = [&](int times) {
        for (int i = 0; i < times; ++i) {
            a += b, b = std::rotl(b, 13) ^ a, a = std::rotl(a, 32);
            c += d, d = std::rotl(d, 16) ^ c;
            a += d, d = std::rotl(d, 21) ^ a;
            c += b, b = std::rotl(b, 17) ^ c, c = std::rotl(c, 32);
        }
    };
    const auto add = [&](std::uint64_t word) {
        d ^= word;
        mix(rounds);
        a ^= word;
    };
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, 8);
        add(word);
    }
    std::uint64_t rest = static_cast<std::uint64_t>(text.size()) << 56U;
    for (unsigned shift = 0; at < text.size(); ++at, shift += 8) {
        rest |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[at])) << shift;
    }
    add(rest);
    c ^= 0xffU;
    mix(last_rounds);
    return a ^ b ^ c ^ d;
}

/// Of a table whose keys come from anybody. Each one that is made has a secret of its own, which
/// goes with its copies.
class SecretHash {
public:
    using is_transparent = void;

    SecretHash() {
        std::random_device random;
        for (std::uint64_t& part : secret_) {
            part = (static_cast<std::uint64_t>(random()) << 32U) | random();
        }
    }
    [[nodiscard]] std::size_t operator()(std::string_view text) const noexcept {
        return static_cast<std::size_t>(sip_hash(text, secret_));
    }

private:
    std::array<std::uint64_t, 2> secret_{};
};

}  // namespace resp
