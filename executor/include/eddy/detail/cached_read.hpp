// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// How far a loop tries to read itself.
inline constexpr std::size_t most_cached = std::size_t{64} << 10U;

/// What came of a try.
struct CachedRead {
    std::size_t length = 0;
    bool supported = true;  ///< false: this file will never have an answer
};

/// Reads what the page cache has, and waits for nothing (`RWF_NOWAIT`): less than the span is no
/// end, nor is zero, which kernels 5.9 and 5.10 say of pages they are about to read. A system that
/// has no such call is asked but once.
[[nodiscard]] EDDY_API CachedRead read_cached(int fd,
                                              std::uint64_t offset,
                                              std::span<std::byte> into) noexcept;

/// For tests: whether the system has been found to have it, or has not been asked; and asks anew.
[[nodiscard]] EDDY_API bool may_read_cached() noexcept;
EDDY_API void ask_again_for_cached_reads() noexcept;

}  // namespace eddy::inline v0_1::detail
