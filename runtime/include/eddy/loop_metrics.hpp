// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <eddy/detail/export.hpp>
#include <eddy/histogram.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

class Loop;

/// What to measure.
struct EDDY_VISIBLE LoopMetricsOptions {
    /// How often lag is probed; at least 1 microsecond.
    Duration probe_interval = std::chrono::milliseconds(1);
    /// Whether to time every step of every job, which reads the clock twice a step, and how long
    /// woken jobs wait for theirs, which reads it once more.
    bool steps = true;
};

/// How a loop feels to those who live on it: while it exists, it measures.
///
/// *Lag* is the lateness of a probe whose deadline recurs every `probe_interval`: what a timer, or
/// a client, would have waited too long. When the loop was blocked, every probe it missed counts
/// with the lateness it would have had, so that one long stall weighs as much as it hurt. An idle
/// loop shows a floor: `LoopOptions::timer_resolution`, on Linux tens of microseconds.
///
///     LoopMetrics metrics;                       // in a job
///     ...
///     log(metrics.lag().percentile(99) / 1000);  // microseconds
///
/// All values are nanoseconds, except `ready_depth`, which counts jobs.
///
/// Requires:  a loop on this thread; destroyed on it. One that outlives its loop stands still.
/// Threading: read on the loop thread, `WrongThread` elsewhere; `Histogram`s are copied for others.
/// Cost:      nothing while none exists. On: 50 to 60 ns a step and 25 more if the job was woken, 0
///            without `steps` (measured by the benchmarks `metrics` and `metrics_wake`), 80 ns a
///            turn, and a turn for every probe; 192 KiB.
/// Source:    coordinated omission, Gil Tene.
class EDDY_API LoopMetrics final {
public:
    /// Throws: `InvalidState` outside a loop; `std::invalid_argument` for a bad interval.
    explicit LoopMetrics(const LoopMetricsOptions& options = {});
    LoopMetrics(const LoopMetrics&) = delete;
    LoopMetrics& operator=(const LoopMetrics&) = delete;
    ~LoopMetrics();

    [[nodiscard]] const Histogram& lag() const;
    /// From a job's resumption until it waits, yields or ends. Empty without `steps`.
    [[nodiscard]] const Histogram& step_time() const;
    /// From the moment something woke a job (I/O, a deadline, a post, another job, a cancellation)
    /// until it is resumed. Empty without `steps`. Jobs that yielded, used up their budget or were
    /// just spawned do not count: it is for them to go behind the others.
    [[nodiscard]] const Histogram& schedule_latency() const;
    /// From the end of a poll to the beginning of the next: what `LoopOptions::turn_quota` bounds,
    /// to within a step; of an attached loop with what its host does in between.
    [[nodiscard]] const Histogram& turn_time() const;
    /// Time spent in the poll, waiting included.
    [[nodiscard]] const Histogram& poll_time() const;
    /// Ready jobs at the start of each turn's poll.
    [[nodiscard]] const Histogram& ready_depth() const;

    /// Starts again from nothing.
    void reset();

private:
    class Probe;

    [[nodiscard]] Probe& probe(const char* what) const {
        bound_.check(what);
        return *probe_;
    }

    LoopBound bound_;
    std::unique_ptr<Probe> probe_;
};

}  // namespace eddy::inline v0_1
