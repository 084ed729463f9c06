// SPDX-License-Identifier: MIT
#include "base/sip_hash.hpp"

#include <bit>
#include <cstddef>
#include <random>

namespace eddy::inline v0_1::detail {

namespace {

struct SipState {
    std::uint64_t a, b, c, d;

    void mix() noexcept {
        a += b, b = std::rotl(b, 13) ^ a, a = std::rotl(a, 32);
        c += d, d = std::rotl(d, 16) ^ c;
        a += d, d = std::rotl(d, 21) ^ a;
        c += b, b = std::rotl(b, 17) ^ c, c = std::rotl(c, 32);
    }

    void add(std::uint64_t word) noexcept {
        d ^= word;
        mix();
        a ^= word;
    }
};

/// Little-endian, on every machine.
std::uint64_t word_of(std::string_view bytes) noexcept {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        word |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    }
    return word;
}

}  // namespace

HashSecret make_hash_secret() {
    std::random_device random;
    HashSecret secret{};
    for (std::uint64_t& half : secret) {
        half = (static_cast<std::uint64_t>(random()) << 32U) | random();
    }
    return secret;
}

std::uint64_t sip_hash(std::string_view text, const HashSecret& secret) noexcept {
    SipState state{secret[0] ^ 0x736f6d6570736575U,
                   secret[1] ^ 0x646f72616e646f6dU,
                   secret[0] ^ 0x6c7967656e657261U,
                   secret[1] ^ 0x7465646279746573U};
    const std::uint64_t length = text.size();
    for (; text.size() >= 8; text.remove_prefix(8)) {
        state.add(word_of(text.substr(0, 8)));
    }
    state.add((length << 56U) | word_of(text));
    state.c ^= 0xffU;
    for (int i = 0; i < 3; ++i) {
        state.mix();
    }
    return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace eddy::inline v0_1::detail
