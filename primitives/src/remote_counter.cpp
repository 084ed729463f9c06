// SPDX-License-Identifier: MIT
#include <eddy/remote_counter.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "remote_sum.hpp"  // IWYU pragma: keep

namespace eddy::inline v0_1 {

bool RemoteCounter::add(detail::Amount given) const {
    const std::int64_t delta = given.checked("RemoteCounter::add");
    if (delta > max_delta || delta < -max_delta) [[unlikely]] {
        throw std::invalid_argument("RemoteCounter::add: " + std::to_string(delta) +
                                    " is more than 2^31 either way");
    }
    return sum_->add(delta);
}

bool RemoteCounter::closed() const noexcept { return sum_->closed(); }

}  // namespace eddy::inline v0_1
