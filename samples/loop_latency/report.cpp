// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <system_error>

#include "text.hpp"

namespace {

std::string lag(const eddy::Histogram& of) {
    return "p50 " + human(of.percentile(50)) + "  p90 " + human(of.percentile(90)) + "  p99 " +
           human(of.percentile(99)) + "  p99.9 " + human(of.percentile(99.9)) + "  max " +
           human(of.max());
}

/// How many times `after` is less than `before`.
double gain(std::uint64_t before, std::uint64_t after) {
    return static_cast<double>(std::max<std::uint64_t>(before, 1)) /
           static_cast<double>(std::max<std::uint64_t>(after, 1));
}

std::string compare(std::uint64_t before, std::uint64_t after) {
    const double less = gain(before, after);
    const std::string values = human(after) + " instead of " + human(before);
    if (less >= 1.1) {
        return values + " (" + human_ratio(less) + " times less)";
    }
    return values + (less > 0.9 ? " (no less)" : " (" + human_ratio(1 / less) + " times more)");
}

}  // namespace

void show(const std::string& text) {
    if (!(std::cout << text << std::flush)) {
        throw std::system_error(errno, std::generic_category(), "cannot write the output");
    }
}

std::string describe_idle(const eddy::Histogram& idle) {
    return "idle loop, the heartbeat's own floor:\n  loop lag: " + lag(idle) + "\n";
}

std::string describe(const Way& way) {
    std::string text = "\n" + way.name + (way.complete() ? "" : " (interrupted)") + ": " +
                       std::to_string(way.files) + " files, " + std::to_string(way.bytes) +
                       " bytes, " + fixed(way.seconds, 2) + " s, " + fixed(way.mb_per_s(), 1) +
                       " MB/s";
    if (way.failed != 0) {
        text += ", " + std::to_string(way.failed) + " failed";
    }
    text += "\n  loop lag: " + lag(way.lag) + "\n";
    std::uint64_t from = 0;
    for (std::uint64_t to = 100'000; from < 100'000'000'000; to *= 10) {
        const std::uint64_t count = way.lag.count_between(from, to);
        if (count != 0) {
            const double share = static_cast<double>(count) / static_cast<double>(way.lag.count());
            const auto width = static_cast<std::size_t>(std::ceil(share * 40));
            std::string limit = human(to);
            limit.resize(12, ' ');
            text += "  < " + limit + std::string(width, '#') + " " + std::to_string(count) + "\n";
        }
        from = to;
    }
    return text;
}

std::string describe_gain(const Way& blocking, const Way& offloaded) {
    static constexpr std::uint64_t enough = 20;  // heartbeats, or a percentile says nothing
    if (!blocking.complete() || !offloaded.complete()) {
        return "\nInterrupted before both blocking and offloaded had ended: nothing to compare.\n";
    }
    if (std::min(blocking.lag.count(), offloaded.lag.count()) < enough) {
        return "\nToo little work to compare: it was done after a few heartbeats.\n";
    }
    const std::uint64_t before = blocking.lag.percentile(99);
    const std::uint64_t after = offloaded.lag.percentile(99);
    const double speed = blocking.mb_per_s() > 0 ? offloaded.mb_per_s() / blocking.mb_per_s() : 1;
    const bool gained = gain(before, after) >= 1.1 ||
                        gain(blocking.lag.max(), offloaded.lag.max()) >= 1.1 || speed >= 1.1;
    return std::string("\n") + (gained ? "Offloaded" : "Nothing was gained: offloaded") +
           ", the heartbeat's p99 was " + compare(before, after) + " and its maximum " +
           compare(blocking.lag.max(), offloaded.lag.max()) + ", at " +
           (speed > 0.95 && speed < 1.05 ? "the same speed"
                                         : human_ratio(speed) + " times the speed") +
           ".\n";
}
