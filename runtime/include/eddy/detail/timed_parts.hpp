// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>

/// How a `TimedStream` divides a write: a small one goes out as a whole, and a large one in parts,
/// so that the timeouts see it move.

namespace eddy::inline v0_1::detail {

inline constexpr std::size_t small_write = 16UL * 1024;  // bytes

/// So many spans, of so many bytes together.
struct SpanGroup {
    std::size_t count = 0;
    std::size_t bytes = 0;
};

/// Small spans that follow each other go out in one write: those from `first` on. None, if that one
/// is large.
[[nodiscard]] constexpr SpanGroup small_group(std::span<const std::span<const std::byte>> spans,
                                              std::size_t first) noexcept {
    SpanGroup group;
    for (const std::span<const std::byte> span : spans.subspan(first)) {
        if (group.bytes + span.size() > small_write) {
            break;
        }
        group.bytes += span.size();
        ++group.count;
    }
    return group;
}

}  // namespace eddy::inline v0_1::detail
