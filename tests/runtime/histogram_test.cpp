// SPDX-License-Identifier: MIT
#include <eddy/histogram.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

using eddy::Histogram;

TEST_CASE("an empty histogram says zero") {
    const Histogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.percentile(50) == 0);
    CHECK(histogram.min() == 0);
    CHECK(histogram.max() == 0);
    CHECK(histogram.mean() == 0.0);
}

TEST_CASE("small values are exact") {
    Histogram histogram;
    for (std::int64_t value = 0; value < 128; ++value) {
        histogram.record(value);
    }
    CHECK(histogram.percentile(0) == 0);
    CHECK(histogram.percentile(50) == 63);
    CHECK(histogram.percentile(100) == 127);
    CHECK(histogram.mean() == doctest::Approx(63.5));
}

TEST_CASE("every value from a microsecond to a minute is within one percent") {
    for (std::uint64_t value = 1'000; value < 60'000'000'000; value += value / 37 + 1) {
        Histogram histogram;
        histogram.record(static_cast<std::int64_t>(value));
        histogram.record(std::int64_t{100'000'000'000});  // so that max does not help
        const std::uint64_t read = histogram.percentile(50);
        REQUIRE(read >= value);
        REQUIRE(static_cast<double>(read - value) <= 0.01 * static_cast<double>(value));
    }
}

TEST_CASE("percentiles agree with the sorted list") {
    std::mt19937_64 random(7);
    std::lognormal_distribution<double> values(10.0, 2.0);
    Histogram histogram;
    std::vector<std::uint64_t> all;
    for (int i = 0; i < 20'000; ++i) {
        const auto value = static_cast<std::uint64_t>(values(random));
        all.push_back(value);
        histogram.record(static_cast<std::int64_t>(value));
    }
    std::sort(all.begin(), all.end());
    for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9}) {
        const auto rank = static_cast<std::size_t>(std::lround(percent * 200)) - 1;
        const auto exact = static_cast<double>(all[rank]);
        const auto read = static_cast<double>(histogram.percentile(percent));
        CHECK(read >= exact);
        CHECK(read <= exact * 1.01 + 1);
    }
    CHECK(histogram.percentile(100) == all.back());
}

TEST_CASE("negative values count as zero and huge ones at the end") {
    Histogram histogram;
    histogram.record(std::int64_t{-5});
    histogram.record(INT64_MAX);
    CHECK(histogram.min() == 0);
    CHECK(histogram.max() == INT64_MAX);
    CHECK(histogram.count() == 2);
    CHECK(histogram.percentile(50) == 0);
}

TEST_CASE("merging is recording both") {
    Histogram one;
    Histogram two;
    Histogram both;
    for (std::int64_t value = 1; value < 1'000'000; value *= 3) {
        one.record(value, 2);
        both.record(value, 2);
        two.record(value * 5);
        both.record(value * 5);
    }
    one.merge(two);
    CHECK(one.count() == both.count());
    CHECK(one.max() == both.max());
    CHECK(one.min() == both.min());
    CHECK(one.mean() == doctest::Approx(both.mean()));
    for (const double percent : {10.0, 50.0, 75.0, 99.0}) {
        CHECK(one.percentile(percent) == both.percentile(percent));
    }
    one.reset();
    CHECK(one.count() == 0);
}

TEST_CASE("a value that is recorded no times is not recorded") {
    Histogram histogram;
    histogram.record(std::int64_t{1'000'000}, 0);
    CHECK(histogram.count() == 0);
    CHECK(histogram.max() == 0);
    histogram.record(std::int64_t{7});
    histogram.record(std::int64_t{3}, 0);
    CHECK(histogram.min() == 7);
    CHECK(histogram.max() == 7);
}

TEST_CASE("as many records as can be counted have percentiles") {
    Histogram histogram;
    histogram.record(std::int64_t{5}, UINT64_MAX - 1);
    histogram.record(std::int64_t{100});
    CHECK(histogram.count() == UINT64_MAX);
    CHECK(histogram.percentile(50) == 5);
    CHECK(histogram.percentile(100) == 100);
}

TEST_CASE("counting between two values finds each record once") {
    Histogram histogram;
    for (std::int64_t value = 1; value <= 1'000'000; value *= 10) {
        histogram.record(value);
    }
    std::uint64_t total = 0;
    for (std::uint64_t from = 1; from <= 1'000'000; from *= 10) {
        total += histogram.count_between(from, from * 10);
    }
    CHECK(total == histogram.count());
    CHECK(histogram.count_between(5, 50) == 1);
}

TEST_CASE("a duration is recorded several times at once") {
    eddy::Histogram histogram;
    histogram.record(std::chrono::nanoseconds(7), 3);
    CHECK(histogram.count() == 3);
    CHECK(histogram.percentile(100) == 7);
    CHECK_THROWS_AS(histogram.record(std::chrono::nanoseconds(7), -1), std::invalid_argument);
}
