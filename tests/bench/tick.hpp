// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include <eddy/histogram.hpp>

/// How late a tick of 1 ms is on a loop.
///
/// Wall time says what a client feels, and is at the mercy of whatever else the machine does. So
/// there is a second figure, the CPU time that the loop's thread spent between the moment the tick
/// was due and the moment it ran: what the loop did instead. Nobody can read that clock at the due
/// moment, the thread is busy; another thread that wakes up for it would take its processor away.
/// Therefore the load leaves marks, pairs of both clocks, where it passes; its computing loops read
/// the CPU clock anyway. Between the two marks around a due moment the CPU clock cannot go faster
/// than the wall clock, so it stood at `max(before.cpu, after.cpu - (after.wall - due))` or later:
/// the figure is an upper bound, never flattering, and by less than the distance of two marks.
namespace bench::responsive {

[[nodiscard]] inline std::int64_t read_clock(clockid_t clock) noexcept {
    timespec now{};
    clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}
[[nodiscard]] inline std::int64_t wall_now() noexcept { return read_clock(CLOCK_MONOTONIC); }

/// Both clocks, of the current thread, in nanoseconds.
struct Mark {
    std::int64_t wall = 0;
    std::int64_t cpu = 0;

    [[nodiscard]] static Mark now() noexcept {
        const std::int64_t wall = wall_now();
        return {wall, read_clock(CLOCK_THREAD_CPUTIME_ID)};
    }
};

/// The latest marks of a thread, in order of time.
class Marks final {
public:
    void add(Mark mark) noexcept { ring_[count_++ % ring_.size()] = mark; }
    /// For steps that are shorter than a look at the CPU clock: every 32nd call leaves a mark.
    void seldom() noexcept {
        if (++calls_ % 32 == 0) {
            add(Mark::now());
        }
    }

    /// Where the CPU clock stood at `due`, at the earliest.
    [[nodiscard]] std::int64_t cpu_at(std::int64_t due, Mark present) const noexcept {
        std::size_t low = count_ > ring_.size() ? count_ - ring_.size() : 0;
        std::size_t high = count_;
        const std::size_t oldest = low;
        while (low < high) {  // the first mark after `due`
            const std::size_t middle = low + (high - low) / 2;
            if (at(middle).wall > due) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        const Mark after = low < count_ ? at(low) : present;
        const std::int64_t bound = after.cpu - (after.wall - due);
        return low > oldest ? std::max(at(low - 1).cpu, bound) : bound;
    }

private:
    [[nodiscard]] const Mark& at(std::size_t i) const noexcept { return ring_[i % ring_.size()]; }

    std::array<Mark, 1 << 14> ring_{};
    std::size_t count_ = 0;
    std::size_t calls_ = 0;
};

/// In microseconds.
struct Quantiles {
    double p50 = 0;
    double p99 = 0;
    double p999 = 0;
    double max = 0;
    std::uint64_t count = 0;
};

[[nodiscard]] inline Quantiles quantiles_of(const eddy::Histogram& values) noexcept {
    const auto at = [&values](double percent) {
        return static_cast<double>(values.percentile(percent)) / 1000;
    };
    return {.p50 = at(50),
            .p99 = at(99),
            .p999 = at(99.9),
            .max = static_cast<double>(values.max()) / 1000,
            .count = values.count()};
}

/// The lateness of the ticks of one loop, for a time. Each loop brings its own timer:
///
///     while (!session.finished()) { wait until session.due(); session.tick(); }
///
/// Ticks lie on a fixed grid. One that finds later ones due as well records each with the lateness
/// it has had, so that a long stall weighs as much as it hurts; see `LoopMetrics`.
class Session final {
public:
    static constexpr std::int64_t period = 1'000'000;

    /// Constructed on the loop's thread, just before it runs.
    explicit Session(double seconds) noexcept
        : start_(wall_now()), end_(start_ + static_cast<std::int64_t>(seconds * 1e9)) {
        due_ = start_ + period;
        from_ = start_;
        until_ = end_;
        marks.add(Mark::now());
    }

    // For the load.
    [[nodiscard]] bool over() const noexcept { return wall_now() >= end_; }
    [[nodiscard]] double seconds() const noexcept {
        return static_cast<double>(end_ - start_) / 1e9;
    }
    void finish() noexcept { finished_ = true; }
    /// What was due until now counts as the first round.
    void first_round_over() noexcept { steady_ = wall_now(); }
    void has_first_round() noexcept { steady_ = INT64_MAX; }
    /// Only ticks that are due inside windows count. At least one tick must run between two.
    void close_window() noexcept { until_ = std::min(until_, wall_now()); }
    void open_window(std::int64_t from = wall_now()) noexcept {
        from_ = from;
        until_ = INT64_MAX;
    }
    /// Records something else's time in place of the tick's.
    void record(Mark begin, Mark end) noexcept {
        wall_.record(end.wall - begin.wall);
        cpu_.record(end.cpu - begin.cpu);
    }
    Marks marks;

    // For the tick.
    [[nodiscard]] bool finished() const noexcept { return finished_; }
    [[nodiscard]] std::int64_t due() const noexcept { return due_; }
    void tick() noexcept {
        const Mark present = Mark::now();
        for (; due_ <= present.wall; due_ += period) {
            if (due_ >= from_ && due_ < until_) {
                const bool first = due_ < steady_;
                (first ? first_wall_ : wall_).record(present.wall - due_);
                (first ? first_cpu_ : cpu_).record(present.cpu - marks.cpu_at(due_, present));
            }
        }
        marks.add(present);
    }

    // For the report.
    [[nodiscard]] Quantiles wall() const noexcept { return quantiles_of(wall_); }
    [[nodiscard]] Quantiles cpu() const noexcept { return quantiles_of(cpu_); }
    [[nodiscard]] Quantiles first_wall() const noexcept { return quantiles_of(first_wall_); }
    [[nodiscard]] Quantiles first_cpu() const noexcept { return quantiles_of(first_cpu_); }

private:
    std::int64_t start_;
    std::int64_t end_;
    std::int64_t due_ = 0;
    std::int64_t from_ = 0;
    std::int64_t until_ = 0;
    std::int64_t steady_ = 0;
    bool finished_ = false;
    eddy::Histogram wall_;
    eddy::Histogram cpu_;
    eddy::Histogram first_wall_;
    eddy::Histogram first_cpu_;
};

/// Computes for so much CPU time of the thread: being preempted does not count as work.
inline void spin(Marks& marks, std::int64_t nanoseconds) noexcept {
    const Mark begin = Mark::now();
    marks.add(begin);
    while (read_clock(CLOCK_THREAD_CPUTIME_ID) - begin.cpu < nanoseconds) {
    }
}

}  // namespace bench::responsive
