// SPDX-License-Identifier: MIT
#include <eddy/histogram.hpp>

#include <algorithm>
#include <cmath>

namespace eddy::inline v0_1 {

void Histogram::merge(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < bucket_count; ++i) {
        buckets_[i] += other.buckets_[i];
    }
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
    min_ = std::min(min_, other.min_);
}

std::uint64_t Histogram::percentile(double percent) const noexcept {
    if (count_ == 0) {
        return 0;
    }
    const double share = std::clamp(percent, 0.0, 100.0) / 100.0;
    // A hair less, so that 99.9 % of 1,000 is the 999th and not, by rounding, the next.
    const double rank = std::max(1.0, std::ceil(share * static_cast<double>(count_) - 1e-6));
    // As a double, the count may have been rounded up, to 2^64 even.
    const std::uint64_t wanted =
        rank < static_cast<double>(count_) ? static_cast<std::uint64_t>(rank) : count_;
    std::size_t last = 0;
    std::uint64_t seen = buckets_[0];
    while (seen < wanted && last + 1 < bucket_count) {
        seen += buckets_[++last];
    }
    return std::min(upper_end(last), max_);
}

std::uint64_t Histogram::count_between(std::uint64_t from, std::uint64_t to) const noexcept {
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < bucket_count; ++i) {
        const std::uint64_t value = upper_end(i);
        found += value >= from && value < to ? buckets_[i] : 0;
    }
    return found;
}

}  // namespace eddy::inline v0_1
