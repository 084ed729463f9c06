// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

/// How often which value occurred, in fixed memory, to 0.8 %.
///
/// Log-linear: up to 127 exactly, then 128 equal steps in each power of two, up to 2^38 (of
/// nanoseconds: four and a half minutes); what is larger counts there, and in `max`.
///
///     Histogram lag;
///     lag.record(now() - deadline);
///     report(lag.percentile(99.9));
///
/// Threading: none of its own; one writer, readers on the same thread, or a copy.
/// Cost:      recording is about 2 ns and allocates nothing; 32 KiB each.
/// Source:    HdrHistogram's layout.
class EDDY_API Histogram final {
public:
    /// Negative values count as zero. `times` at once is as cheap as one.
    ///
    /// Throws: `std::invalid_argument` for negative `times`.
    void record(std::int64_t value) noexcept { add(value, 1); }
    void record(Duration value) noexcept { add(value.count(), 1); }
    void record(std::int64_t value, detail::WholeNumber<std::uint64_t> times) {
        add(value, times.checked("Histogram::record"));
    }
    void record(Duration value, detail::WholeNumber<std::uint64_t> times) {
        record(value.count(), times);
    }
    template <std::floating_point T, class... Times>
    void record(T a_whole_number_is_wanted_here, Times...) = delete;  // a whole number is wanted

    /// Adds what `other` has seen.
    void merge(const Histogram& other) noexcept;
    void reset() noexcept { *this = Histogram(); }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    /// Exact; zero when nothing was recorded.
    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
    [[nodiscard]] std::uint64_t min() const noexcept { return count_ != 0 ? min_ : 0; }
    [[nodiscard]] double mean() const noexcept {
        return count_ != 0 ? sum_ / static_cast<double>(count_) : 0.0;
    }

    /// The value that `percent` of the records do not exceed, 0 to 100, at most 0.8 % too high and
    /// never above `max`. Zero when nothing was recorded.
    [[nodiscard]] std::uint64_t percentile(double percent) const noexcept;

    /// How many records lie in [from, to), to the resolution of the buckets.
    [[nodiscard]] std::uint64_t count_between(std::uint64_t from, std::uint64_t to) const noexcept;

private:
    void add(std::int64_t value, std::uint64_t times) noexcept {
        if (times == 0) {
            return;  // nothing was recorded, so there is no such minimum and maximum
        }
        const std::uint64_t plain = value > 0 ? static_cast<std::uint64_t>(value) : 0;
        buckets_[index_of(plain)] += times;
        count_ += times;
        sum_ += static_cast<double>(plain) * static_cast<double>(times);
        max_ = plain > max_ ? plain : max_;
        min_ = plain < min_ ? plain : min_;
    }

    static constexpr unsigned step_bits = 7;
    static constexpr unsigned value_bits = 38;
    static constexpr std::size_t steps = std::size_t{1} << step_bits;
    static constexpr std::size_t bucket_count = (value_bits - step_bits + 1) * steps;

    /// Values below `steps` have a bucket each; above, the top bits after the leading one choose.
    [[nodiscard]] static constexpr std::size_t index_of(std::uint64_t value) noexcept {
        constexpr std::uint64_t largest = (std::uint64_t{1} << value_bits) - 1;
        value = value < largest ? value : largest;
        if (value < steps) {
            return static_cast<std::size_t>(value);
        }
        const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - step_bits;
        return (shift + 1) * steps + static_cast<std::size_t>((value >> shift) - steps);
    }
    /// The largest value that falls into the bucket.
    [[nodiscard]] static constexpr std::uint64_t upper_end(std::size_t index) noexcept {
        if (index < steps) {
            return index;
        }
        const unsigned shift = static_cast<unsigned>(index / steps) - 1;
        return ((index % steps + steps + 1) << shift) - 1;
    }

    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
    std::uint64_t min_ = UINT64_MAX;
    double sum_ = 0;
    std::array<std::uint64_t, bucket_count> buckets_{};
};

}  // namespace eddy::inline v0_1
