// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace eddy::inline v0_1::detail {

/// What makes the hashes of one table its own.
using HashSecret = std::array<std::uint64_t, 2>;

/// Another one each time. Throws what `std::random_device` does.
[[nodiscard]] HashSecret make_hash_secret();

/// For tables whose keys come from anybody: without the secret nobody can find texts that have the
/// same hash.
///
/// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", with one round for each eight
///         bytes and three for the end, as is usual in tables.
[[nodiscard]] std::uint64_t sip_hash(std::string_view text, const HashSecret& secret) noexcept;

}  // namespace eddy::inline v0_1::detail
