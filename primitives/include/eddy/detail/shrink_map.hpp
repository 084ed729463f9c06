// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace eddy::inline v0_1::detail {

/// Gives back the buckets that a crowd of keys has left behind in a `std::unordered_map`. After
/// each `erase`; entries stay where they are.
///
/// Cost: one compare; amortised, a key is hashed once more in its life.
template <class Map>
void shrink_buckets(Map& map) noexcept {
    constexpr std::size_t kept_buckets = 2048;
    if (map.bucket_count() > kept_buckets && map.size() < map.bucket_count() / 16) [[unlikely]] {
        try {
            map.rehash(map.size() * 2);
        } catch (...) {  // no memory, or a hash that throws: nothing has changed
        }
    }
}

}  // namespace eddy::inline v0_1::detail
