// SPDX-License-Identifier: MIT
#include <eddy/detail/mapping.hpp>

#include <stdexcept>

namespace eddy::inline v0_1::detail {

void require_limit(std::size_t limit) {
    if (limit == 0) {
        throw std::invalid_argument("map_bounded: a limit of 0 would run nothing; give at least 1");
    }
}

}  // namespace eddy::inline v0_1::detail
