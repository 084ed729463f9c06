// SPDX-License-Identifier: MIT
#include <eddy/retry.hpp>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <type_traits>

#include <eddy/exception_group.hpp>
#include <eddy/report_failure.hpp>
#include <eddy/scope.hpp>

namespace eddy::inline v0_1::detail {

// It stands in `co_await` expressions, where g++ 12 destroys other aggregates twice.
static_assert(std::is_trivially_destructible_v<RetryPolicy>);

namespace {

/// A different one every time.
std::uint64_t fresh_seed() {
    thread_local std::uint64_t state = [] {
        std::random_device device;
        return (std::uint64_t{device()} << 32U) | device();
    }();
    return state += SplitMix::step;
}

}  // namespace

Retrying::Retrying(const RetryPolicy& policy)
    : policy_(policy), delay_(static_cast<double>(policy.first_delay.count())) {
    if (policy.attempts.checked("retry: the attempts") == 0) {
        throw std::invalid_argument("retry: 0 attempts would run nothing; give at least 1");
    }
    if (policy.first_delay < Duration::zero() || policy.max_delay < Duration::zero()) {
        throw std::invalid_argument("retry: a delay cannot be negative");
    }
    if (!(policy.factor >= 1.0)) {
        throw std::invalid_argument("retry: the delay's factor must be at least 1");
    }
    if (!(policy.jitter >= 0.0 && policy.jitter <= 1.0)) {
        throw std::invalid_argument("retry: jitter is a share, from 0 to 1");
    }
}

bool Retrying::is_worth_it(const std::exception_ptr& error) const {
    if (is_cancelled(error)) {
        return false;
    }
    try {
        return !policy_.retry_if || policy_.retry_if(error);
    } catch (...) {
        if (std::current_exception() != error) {
            report_failure(error, "hidden by what retry_if threw");
        }
        throw;
    }
}

Duration Retrying::next_delay(const std::exception_ptr& error) {
    if (!is_worth_it(error) || ++failures_ == policy_.attempts) {
        std::rethrow_exception(error);
    }
    const double longest = static_cast<double>(policy_.max_delay.count());
    double wait = std::min(delay_, longest);
    // No delay stays none, whatever the factor: infinity, too, is at least 1.
    delay_ = delay_ == 0.0 ? 0.0 : std::min(delay_ * policy_.factor, longest);
    if (policy_.jitter != 0.0) {
        wait *= 1.0 - policy_.jitter * random();
    }
    // Below 2^63, or as long as there is.
    const Duration delay = wait < static_cast<double>(Duration::max().count())
                               ? Duration(static_cast<Duration::rep>(wait))
                               : Duration::max();
    const TimePoint deadline = current_effective_deadline();
    if (deadline != never && after(now(), delay) >= deadline) {
        std::rethrow_exception(error);
    }
    return delay;
}

double Retrying::random() noexcept {
    if (failures_ == 1) {
        random_ = SplitMix(policy_.seed ? *policy_.seed : fresh_seed());
    }
    // 53 bits make a double in [0, 1).
    return static_cast<double>(random_.next() >> 11U) * 0x1.0p-53;
}

}  // namespace eddy::inline v0_1::detail
