// SPDX-License-Identifier: MIT
#include <eddy/bounded_executor.hpp>

#include <exception>
#include <limits>
#include <stdexcept>
#include <utility>

#include <eddy/report_failure.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

namespace {

std::int64_t slots_for(std::size_t limit) {
    if (limit == 0) {
        throw std::invalid_argument(
            "BoundedExecutor: a limit of 0 would run nothing; give at least 1");
    }
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    return limit < static_cast<std::size_t>(most) ? static_cast<std::int64_t>(limit) : most;
}

}  // namespace

BoundedExecutor::BoundedExecutor(detail::Count limit, Progress progress)
    : limit_(limit.checked("BoundedExecutor: the limit")),
      progress_(std::move(progress)),
      slots_(slots_for(limit_), slots_for(limit_)) {}

BoundedExecutor::~BoundedExecutor() {
    EDDY_NO_USER(under_way_ == 0,
                 "a BoundedExecutor was destroyed while its work is under way: await it first");
}

BoundedExecutorStatistics BoundedExecutor::statistics() const {
    bound_.check("BoundedExecutor::statistics");
    const SemaphoreStatistics slots = slots_.statistics();
    return {.limit = limit_,
            .running = static_cast<std::size_t>(slots.held),
            .waiters = slots.waiters,
            .completed = completed_,
            .total = completed_ + expected_};
}

namespace detail {

ExecutorCalls::ExecutorCalls(BoundedExecutor& executor, std::size_t calls)
    : executor_(executor), left_(calls) {
    executor_.bound_.check("BoundedExecutor");
    executor_.expected_ += left_;
    ++executor_.under_way_;
}

ExecutorCalls::~ExecutorCalls() {
    executor_.expected_ -= left_;
    --executor_.under_way_;
}

void ExecutorCalls::completed_one() noexcept {
    --left_;
    --executor_.expected_;
    ++executor_.completed_;
    if (!executor_.progress_) {
        return;
    }
    try {
        executor_.progress_(executor_.completed_, executor_.completed_ + executor_.expected_);
    } catch (...) {
        report_failure(std::current_exception(), "progress of a BoundedExecutor");
    }
}

}  // namespace detail
}  // namespace eddy::inline v0_1
