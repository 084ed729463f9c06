// SPDX-License-Identifier: MIT
// A histogram against all that was recorded, in order.
//
// Laws, also of two that were merged and of one that was reset:
// - `count`, `min` and `max` are exact, `mean` to the precision of a double;
// - a percentile is the value at that rank, or up to 1 % above it, never above `max`; of what is
//   larger than the range, the range's end or more;
// - percentiles grow with the percentage; anything is taken for one, numbers or not;
// - `count_between` finds each record once: neighbouring ranges together have as many as all.
//
// Mistakes: forgotten_record too_coarse
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include <eddy/histogram.hpp>

#include "fuzz.hpp"

using eddy::Histogram;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

constexpr std::uint64_t range_end = (std::uint64_t{1} << 38U) - 1;
// How often which value; up to 2^64, which nobody goes beyond.
using Records = std::map<std::uint64_t, std::uint64_t>;

[[nodiscard]] std::uint64_t count_of(const Records& records) {
    std::uint64_t count = 0;
    for (const auto& [value, times] : records) {
        count += times;
    }
    return count;
}

void record(Bytes& input, Histogram& histogram, Records& records) {
    const std::uint8_t how = input.take_u8();
    const std::uint64_t bits = input.take_u64(1 + how % 8);
    const auto value = static_cast<std::int64_t>((how & 8U) != 0 ? bits >> (how / 16U) : bits);
    std::uint64_t times = 1;
    if ((how & 128U) != 0) {
        times = input.take_u64(1 + how / 16 % 8);
        const std::uint64_t room = UINT64_MAX - count_of(records);
        times = std::min(times, room);
        histogram.record(value, times);
    } else {
        if (count_of(records) == UINT64_MAX) {
            return;
        }
        histogram.record(value);
    }
    if (times != 0 && !planted("forgotten_record")) {
        records[value < 0 ? 0 : static_cast<std::uint64_t>(value)] += times;
    }
}

/// Of the rank, counted from one.
[[nodiscard]] std::uint64_t value_at(const Records& records, std::uint64_t rank) {
    for (const auto& [value, times] : records) {
        if (rank <= times) {
            return value;
        }
        rank -= times;
    }
    return records.rbegin()->first;
}

void check_percentile(const Histogram& histogram, const Records& records, double percent) {
    const std::uint64_t found = histogram.percentile(percent);
    if (records.empty()) {
        FUZZ_REQUIRE(found == 0);
        return;
    }
    // Which rank is meant is a matter of rounding: one to either side, and what a double cannot
    // tell apart.
    const std::uint64_t count = count_of(records);
    const double share = percent > 0 ? std::min(percent, 100.0) / 100.0 : 0.0;
    const auto exact = static_cast<long double>(share) * static_cast<long double>(count);
    const long double slack = 2.0L + exact * 0x1p-50L;
    const auto rank = [&](long double wanted) {
        return wanted < 1                                  ? 1
               : wanted >= static_cast<long double>(count) ? count
                                                           : static_cast<std::uint64_t>(wanted);
    };
    const std::uint64_t low = std::min(value_at(records, rank(exact - slack)), range_end);
    const std::uint64_t high = value_at(records, rank(exact + slack));
    const double step = planted("too_coarse") ? 0.001 : 0.01;
    FUZZ_REQUIRE(found >= low);
    FUZZ_REQUIRE(static_cast<double>(found) <= static_cast<double>(high) * (1.0 + step));
    FUZZ_REQUIRE(found <= histogram.max());
}

void check(Bytes& input, const Histogram& histogram, const Records& records) {
    FUZZ_REQUIRE(histogram.count() == count_of(records));
    FUZZ_REQUIRE(histogram.max() == (records.empty() ? 0 : records.rbegin()->first));
    FUZZ_REQUIRE(histogram.min() == (records.empty() ? 0 : records.begin()->first));
    long double sum = 0;
    for (const auto& [value, times] : records) {
        sum += static_cast<long double>(value) * static_cast<long double>(times);
    }
    const long double mean =
        records.empty() ? 0 : sum / static_cast<long double>(count_of(records));
    FUZZ_REQUIRE(std::abs(static_cast<long double>(histogram.mean()) - mean) <= mean * 1e-9L);

    check_percentile(histogram, records, 50);
    check_percentile(histogram, records, 100);
    const double first = std::bit_cast<double>(input.take_u64());
    const double second = input.take_u8() / 2.0;
    check_percentile(histogram, records, first);
    check_percentile(histogram, records, second);
    if (first <= second) {
        FUZZ_REQUIRE(histogram.percentile(first) <= histogram.percentile(second));
    }
    const std::uint64_t middle = input.take_u64(input.take_u8() % 8);
    FUZZ_REQUIRE(histogram.count_between(0, middle) + histogram.count_between(middle, UINT64_MAX) ==
                 histogram.count());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    const auto histograms = std::make_unique<Histogram[]>(2);
    Records records[2];
    while (!input.empty()) {
        const std::uint8_t what = input.take_u8();
        const unsigned which = what & 1U;
        switch (what / 2 % 16) {
            case 0:
                if (count_of(records[0]) <= UINT64_MAX - count_of(records[1])) {
                    histograms[which].merge(histograms[1 - which]);
                    for (const auto& [value, times] : records[1 - which]) {
                        records[which][value] += times;
                    }
                }
                break;
            case 1:
                histograms[which].reset();
                records[which].clear();
                break;
            case 2:
                check(input, histograms[which], records[which]);
                break;
            default:
                record(input, histograms[which], records[which]);
        }
    }
    check(input, histograms[0], records[0]);
    return 0;
}
