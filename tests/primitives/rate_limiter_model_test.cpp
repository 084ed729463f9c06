// SPDX-License-Identifier: MIT
// Random programs on a RateLimiter, beside a model that counts tokens in fractions of a nanosecond.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/detail/loop_core.hpp>
#include <eddy/loop.hpp>
#include <eddy/rate_limiter.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/model_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>

namespace {

using eddy::Duration;
using eddy::RateLimiter;
using eddy::Task;

std::int64_t nanoseconds() { return eddy::now().time_since_epoch().count(); }

Task<std::string> acquire(RateLimiter& limiter, std::int64_t tokens) {
    co_await limiter.acquire(tokens);
    co_return "at " + std::to_string(nanoseconds());
}

Task<std::string> acquire_either(RateLimiter& limiter, std::int64_t a, std::int64_t b) {
    const auto got = co_await eddy::select(limiter.acquire(a), limiter.acquire(b));
    co_return "at " + std::to_string(nanoseconds()) + " number " + std::to_string(got.index());
}

class RateProgram final : public eddy::testing::ModelProgram {
public:
    explicit RateProgram(std::uint64_t seed, bool in_order)
        : ModelProgram(seed, in_order),
          tokens_(pick(1, 7)),
          interval_(pick(1, 50)),
          burst_(pick(1, 6)),
          limiter_(tokens_, Duration(interval_), burst_),
          level_(burst_ * interval_) {}

private:
    struct Request {
        int job = 0;
        std::int64_t tokens = 0;
        std::string suffix;
    };

    Task<> step() override {
        if (one_in(8)) {
            stall(pick(0, 200));
            co_await check();
        }
        const auto operations = pick(1, 4);
        for (std::int64_t i = 0; i < operations; ++i) {
            const auto what = pick(0, 9);
            if (what < 6) {
                begin();
                co_await eddy::testing::settle();
            } else if (what < 7) {
                const std::int64_t tokens = pick(0, burst_);
                const bool granted = tokens == 0 || (queue_.empty() && take(tokens));
                CHECK(limiter_.try_acquire(tokens) == granted);
            } else if (!queue_.empty()) {
                const int job = queue_[pick_index(queue_.size())].job;
                cancel(job);
                leave(job);
                grant();
                expect(job, "cancelled");
            }
        }
        co_await check();
        co_await sleep(pick(0, 40));
    }

    /// The loop is blocked: what runs over meanwhile is lost, but for less than a token if somebody
    /// waits.
    void stall(std::int64_t time) {
        static_cast<eddy::testing::VirtualClock&>(*eddy::Loop::current().core().clock)
            .advance(Duration(time));
        now_ += time;
        const std::int64_t full = burst_ * interval_;
        const std::int64_t more = queue_.empty() ? 1 : std::max(interval_, tokens_);
        level_ += tokens_ * time;
        level_ = level_ >= full + more ? full : level_;
        grant();
        level_ = std::min(level_, full);
    }

    /// The model's time is the clock's: nanosecond by nanosecond, a token has `interval_` parts.
    Task<> sleep(std::int64_t time) {
        for (std::int64_t i = 0; i < time; ++i) {
            ++now_;
            level_ += tokens_;
            grant();  // of whoever waits, nothing runs over
            level_ = std::min(level_, burst_ * interval_);
        }
        if (time != 0) {
            co_await eddy::sleep_for(Duration(time));
        }
        CHECK(nanoseconds() == now_);
    }

    void begin() {
        const std::int64_t a = pick(0, burst_);
        if (one_in(4)) {
            const std::int64_t b = pick(0, burst_);
            const int job = start(acquire_either(limiter_, a, b));
            const Request first{job, a, " number 0"};
            const Request second{job, b, " number 1"};
            if (at_once(first) || at_once(second)) {
                return;
            }
            queue_.push_back(first);
            queue_.push_back(second);
            return;
        }
        const Request request{start(acquire(limiter_, a)), a, ""};
        if (!at_once(request)) {
            queue_.push_back(request);
        }
    }

    [[nodiscard]] bool at_once(const Request& request) {
        if (request.tokens != 0 && (!queue_.empty() || !take(request.tokens))) {
            return false;
        }
        expect(request.job, "at " + std::to_string(now_) + request.suffix);
        return true;
    }
    [[nodiscard]] bool take(std::int64_t tokens) {
        if (tokens * interval_ > level_) {
            return false;
        }
        level_ -= tokens * interval_;
        return true;
    }
    void leave(int job) {
        std::erase_if(queue_, [job](const Request& request) { return request.job == job; });
    }
    void grant() {
        while (!queue_.empty() && take(queue_.front().tokens)) {
            const Request first = queue_.front();
            leave(first.job);
            expect(first.job, "at " + std::to_string(now_) + first.suffix);
        }
    }

    void compare() override {
        const eddy::RateLimiterStatistics seen = limiter_.statistics();
        CHECK(seen.available == level_ / interval_);
        CHECK(seen.waiters == queue_.size());
        CHECK(seen.burst == burst_);
    }

    Task<> finish() override {
        while (!queue_.empty()) {
            co_await sleep(100);
            co_await check();
        }
    }

    std::int64_t tokens_;
    std::int64_t interval_;
    std::int64_t burst_;
    RateLimiter limiter_;
    std::int64_t level_;  // in parts
    std::int64_t now_ = 0;
    std::deque<Request> queue_;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to a rate limiter what they do to its model", RateProgram)
