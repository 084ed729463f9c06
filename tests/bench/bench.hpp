// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

/// The bench kit: what a row is, and how its contenders are measured.
///
/// Machines drift by a third from hour to hour, so a cost alone says little. The contenders of a
/// row therefore take turns, round by round, in one process; costs are medians over the rounds, and
/// a ratio is the median of the ratios within each round. Differences under 15 % are ties.
///
/// A program is one source: it includes `counting_new.hpp` once and gives its rows to `run_main`
/// (`command_line.hpp`).
namespace bench {

/// Calls of the global operator new on this thread.
inline constinit thread_local std::uint64_t allocation_count = 0;

/// What one round of one contender gave, per operation.
struct Sample {
    double cost = 0;  ///< in the row's unit
    double allocations = 0;
};

[[nodiscard]] inline double nanoseconds(clockid_t clock) noexcept {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Measures from its construction to `stop`.
///
/// The default clock is the thread's CPU time: a single-threaded row then does not see what else
/// the machine does. Rows with two threads need CLOCK_MONOTONIC.
class Meter final {
public:
    explicit Meter(clockid_t clock = CLOCK_THREAD_CPUTIME_ID) noexcept
        : clock_(clock), allocations_(allocation_count), start_(nanoseconds(clock)) {}

    /// `elsewhere`: allocations that another thread made for the same operations.
    [[nodiscard]] Sample stop(std::size_t operations, std::uint64_t elsewhere = 0) const noexcept {
        const double spent = nanoseconds(clock_) - start_;
        const auto count = static_cast<double>(operations);
        return {.cost = spent / count,
                .allocations =
                    static_cast<double>(allocation_count - allocations_ + elsewhere) / count};
    }

private:
    clockid_t clock_;
    std::uint64_t allocations_;
    double start_;
};

/// One way of doing a row's operation. The first of a row is ours, the others are its peers.
struct Contender {
    std::string name;
    Sample (*measure)();
};

/// What we want of a row: `eddy / peer`, or, without a peer, its own cost, to be at most `limit`.
struct Target {
    std::string peer;
    double limit = 0;
};

struct Row {
    std::string name;   ///< for --rows
    std::string title;  ///< what one operation is
    std::string unit;   ///< "ns" or "bytes"
    std::vector<Contender> contenders;
    std::vector<Target> targets;
    bool allocation_free = false;  ///< that is a target too
};

/// Where the middle of some values lies, and how far they spread.
struct Spread {
    double low = 0;  ///< first quartile
    double median = 0;
    double high = 0;  ///< third quartile
};

[[nodiscard]] inline Spread spread_of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto at = [&](double fraction) {
        const double place = fraction * static_cast<double>(values.size() - 1);
        const auto below = static_cast<std::size_t>(place);
        const std::size_t above = std::min(below + 1, values.size() - 1);
        const double part = place - static_cast<double>(below);
        return values[below] * (1 - part) + values[above] * part;
    };
    return {.low = at(0.25), .median = at(0.5), .high = at(0.75)};
}

/// A contender after all rounds.
struct Measured {
    std::string name;
    Spread cost;
    double allocations = 0;
    double ratio = 0;  ///< ours over this one; 1 for ourselves
};

/// A target held against the figures.
struct Verdict {
    std::string text;  ///< "<= 0.60 x asio"
    std::string peer;  ///< whose line it stands on; our own when empty
    double value = 0;
    bool met = false;
};

struct Result {
    const Row* row = nullptr;
    std::vector<Measured> contenders;
    std::vector<Verdict> verdicts;
};

[[nodiscard]] inline std::string limit_text(double limit) {
    std::string text = std::to_string(limit);
    text.resize(text.find('.') + (limit < 10 ? 3 : 0));
    return text;
}

[[nodiscard]] inline std::vector<Verdict> judge(const Row& row,
                                                const std::vector<Measured>& contenders) {
    std::vector<Verdict> verdicts;
    for (const Target& target : row.targets) {
        for (const Measured& peer : contenders) {
            const bool own = target.peer.empty() && &peer == contenders.data();
            if (own) {
                verdicts.push_back({"<= " + limit_text(target.limit) + " " + row.unit,
                                    {},
                                    peer.cost.median,
                                    peer.cost.median <= target.limit});
            } else if (peer.name == target.peer) {
                verdicts.push_back({"<= " + limit_text(target.limit) + " x " + peer.name,
                                    peer.name,
                                    peer.ratio,
                                    peer.ratio <= target.limit});
            }
        }
    }
    if (row.allocation_free) {
        const double allocations = contenders.front().allocations;
        verdicts.push_back({"[0] allocations", {}, allocations, allocations < 0.0005});
    }
    return verdicts;
}

/// Measures a row: one round to warm up, then `rounds` that count, each begun by another contender.
[[nodiscard]] inline Result measure(const Row& row, std::size_t rounds) {
    const std::size_t count = row.contenders.size();
    std::vector<std::vector<Sample>> samples(count);
    for (std::size_t round = 0; round <= rounds; ++round) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t which = (round + i) % count;
            const Sample sample = row.contenders[which].measure();
            if (round != 0) {
                samples[which].push_back(sample);
            }
        }
    }
    Result result{.row = &row, .contenders = {}, .verdicts = {}};
    for (std::size_t which = 0; which < count; ++which) {
        std::vector<double> costs;
        std::vector<double> ratios;
        std::vector<double> allocations;
        for (std::size_t round = 0; round < rounds; ++round) {
            costs.push_back(samples[which][round].cost);
            ratios.push_back(samples[0][round].cost / samples[which][round].cost);
            allocations.push_back(samples[which][round].allocations);
        }
        result.contenders.push_back({row.contenders[which].name,
                                     spread_of(costs),
                                     spread_of(allocations).median,
                                     spread_of(ratios).median});
    }
    result.verdicts = judge(row, result.contenders);
    return result;
}

}  // namespace bench
