// SPDX-License-Identifier: MIT
#include <eddy/detail/turn.hpp>

#include <algorithm>

namespace eddy::detail {

bool Turn::look() noexcept {
    settle();
    if (done_ >= limit_) {
        distance_ = std::min(2 * distance_, whole);
        return false;
    }
    std::uint32_t gap = std::min({distance_, done_ - phase_, limit_ - done_});
    willing_first_ = done_ >= half;
    gap = std::min(gap, willing_first_ ? willing_share : half - done_);
    if (clock_ != nullptr) {
        const TimePoint now = clock_->now();
        if (now >= end_of(limit_)) {
            distance_ = 1;
            return false;
        }
        willing_first_ = willing_first_ || now >= end_of(half);
    }
    allowed_ = gap;
    left_ = gap - 1;
    return true;
}

}  // namespace eddy::detail
