// SPDX-License-Identifier: MIT
#include <eddy/loop_metrics.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>

#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/observer.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

/// The probe is a bare deadline, no job: it is due where every timer of the loop is.
class LoopMetrics::Probe final : public Observer,
                                 private detail::DeadlineNode,
                                 private detail::CloseListener {
public:
    explicit Probe(const LoopMetricsOptions& options)
        : core_(&detail::require_loop("LoopMetrics")),
          interval_(options.probe_interval),
          hooks_(polls | (options.steps ? steps | ready_times : 0U)) {
        if (interval_ < std::chrono::microseconds(1)) {
            throw std::invalid_argument("LoopMetrics: the probe interval is at least 1 us");
        }
        next_ = after(core_->clock->now(), interval_);
        core_->deadlines.insert(*this, next_);
        try {
            core_->add_observer(*this);
        } catch (...) {
            core_->deadlines.remove(*this);
            throw;
        }
        core_->listen_to_close(*this);
    }
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;
    ~Probe() override { stop(); }

    Histogram lag;
    Histogram step_time;
    Histogram schedule_latency;
    Histogram turn_time;
    Histogram poll_time;
    Histogram ready_depth;

    [[nodiscard]] std::uint32_t hooks() const noexcept override { return hooks_; }

    void before_step(const JobInfo& job) override {
        step_began_ = core_->clock->now();
        if (job.ready_since) {
            schedule_latency.record(step_began_ - *job.ready_since);
        }
    }
    void after_step(const JobInfo&) override {
        step_time.record(core_->clock->now() - step_began_);
    }
    void before_poll(Duration) override {
        ready_depth.record(static_cast<std::int64_t>(core_->ready.size()));
        const TimePoint now = core_->clock->now();
        if (core_->turn.number() != last_turn_) {  // the loop may poll twice between two turns
            last_turn_ = core_->turn.number();
            turn_time.record(now - core_->turn.began());
        }
        poll_began_ = now;
    }
    void after_poll() override {
        if (poll_began_) {  // otherwise these metrics are younger than the poll
            poll_time.record(core_->clock->now() - *poll_began_);
            poll_began_.reset();
        }
    }

private:
    void due() noexcept override {
        const TimePoint now = core_->clock->now();
        if (next_ <= now) {
            lag.record(now - next_);
            record_missed(now, static_cast<std::uint64_t>((now - next_) / interval_));
        }
        core_->deadlines.insert(*this, next_);  // its place has just become free
    }

    /// Each as late as it would have been. Of more than 65,536 neighbours stand together with the
    /// lateness in their middle: a process that was stopped for hours is not held up for seconds.
    void record_missed(TimePoint now, std::uint64_t missed) noexcept {
        const std::uint64_t most_together = missed / 65'536 + 1;
        next_ = after(next_, interval_);
        while (missed != 0) {
            const std::uint64_t together = std::min(missed, most_together);
            const auto count = static_cast<Duration::rep>(together);
            lag.record(now - next_ - interval_ * (count - 1) / 2, together);
            next_ = after(next_, interval_ * count);
            missed -= together;
        }
    }

    void loop_closing() noexcept override { stop(); }

    void stop() noexcept {
        if (core_ != nullptr) {
            core_->deadlines.remove(*this);
            core_->forget(*this);
            core_->drop_observer(*this);
            core_ = nullptr;
        }
    }

    detail::LoopCore* core_;
    Duration interval_;
    std::uint32_t hooks_;
    TimePoint next_;
    TimePoint step_began_ = core_->clock->now();  // or we did: others may watch that step already
    std::optional<TimePoint> poll_began_;
    std::uint64_t last_turn_ = core_->turn.number();  // that was counted, or had begun before us
};

LoopMetrics::LoopMetrics(const LoopMetricsOptions& options)
    : probe_(std::make_unique<Probe>(options)) {}

LoopMetrics::~LoopMetrics() {
    EDDY_REQUIRE(bound_.here(), "a LoopMetrics was destroyed off its loop's thread");
}

const Histogram& LoopMetrics::lag() const { return probe("LoopMetrics::lag").lag; }
const Histogram& LoopMetrics::step_time() const {
    return probe("LoopMetrics::step_time").step_time;
}
const Histogram& LoopMetrics::schedule_latency() const {
    return probe("LoopMetrics::schedule_latency").schedule_latency;
}
const Histogram& LoopMetrics::turn_time() const {
    return probe("LoopMetrics::turn_time").turn_time;
}
const Histogram& LoopMetrics::poll_time() const {
    return probe("LoopMetrics::poll_time").poll_time;
}
const Histogram& LoopMetrics::ready_depth() const {
    return probe("LoopMetrics::ready_depth").ready_depth;
}

void LoopMetrics::reset() {
    Probe& probe = this->probe("LoopMetrics::reset");
    probe.lag.reset();
    probe.step_time.reset();
    probe.schedule_latency.reset();
    probe.turn_time.reset();
    probe.poll_time.reset();
    probe.ready_depth.reset();
}

}  // namespace eddy::inline v0_1
