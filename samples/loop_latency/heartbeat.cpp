// SPDX-License-Identifier: MIT
#include "heartbeat.hpp"

#include <chrono>

#include <eddy/sleep.hpp>
#include <eddy/time.hpp>

namespace {

/// The beats of one heartbeat. Those that are due when it is cancelled are recorded too, so that a
/// stall right before its end is not lost.
class Beats {
public:
    explicit Beats(eddy::Histogram& lag) : lag_(lag) {}
    Beats(const Beats&) = delete;
    Beats& operator=(const Beats&) = delete;
    ~Beats() { record_due(); }

    [[nodiscard]] eddy::TimePoint next() const { return next_; }

    void record_due() {
        const eddy::TimePoint now = eddy::now();
        for (; next_ <= now; next_ += period) {
            lag_.record(now - next_);
        }
    }

private:
    static constexpr eddy::Duration period = std::chrono::milliseconds(1);

    eddy::Histogram& lag_;
    eddy::TimePoint next_ = eddy::now() + period;
};

}  // namespace

eddy::Task<> heartbeat(eddy::Histogram& lag) {
    Beats beats(lag);
    while (true) {
        co_await eddy::sleep_until(beats.next());
        beats.record_due();
    }
}
