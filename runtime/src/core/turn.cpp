// SPDX-License-Identifier: MIT
#include <eddy/detail/turn.hpp>

#include <algorithm>

namespace eddy::inline v0_1::detail {

bool Turn::look() noexcept {
    settle();
    if (done_ >= limit_) {
        return false;
    }
    std::uint32_t gap = std::min({distance_, done_ - phase_, limit_ - done_});
    // Of what is left for this phase, not of the turn: who comes from outside may have had half.
    const std::uint32_t middle = phase_ + (limit_ - phase_ + 1) / 2;
    willing_first_ = done_ >= middle;
    if (!willing_first_) {
        gap = std::min(gap, middle - done_);
    }
    if (clock_ != nullptr) {
        const TimePoint now = clock_->now();
        const TimePoint end = end_of(limit_);
        if (now >= end) {
            out_of_time_ = true;
            return false;
        }
        if (done_ - phase_ == 1) {  // the first look of the phase
            middle_ = now + (end - now) / 2;
        }
        willing_first_ = willing_first_ || now >= middle_;
    }
    allowed_ = gap;
    left_ = gap - 1;
    return true;
}

}  // namespace eddy::inline v0_1::detail
