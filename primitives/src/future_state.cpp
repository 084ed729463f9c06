// SPDX-License-Identifier: MIT
#include <eddy/detail/future_state.hpp>

#include <stdexcept>
#include <utility>

#include <eddy/detail/failure_from.hpp>
#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/report_failure.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

namespace {

/// A foreign `Cancelled` would unwind a job that nobody cancelled.
std::exception_ptr without_cancelled(std::exception_ptr error) noexcept {
    if (!is_cancelled(error)) {
        return error;
    }
    try {
        std::rethrow_exception(std::move(error));
    } catch (const Cancelled& cancelled) {
        return failure_from([&] {
            return JobCancelled("the job that was to bring this result was cancelled: " +
                                cancelled.message());
        });
    } catch (...) {
        return std::current_exception();
    }
}

}  // namespace

FutureState::~FutureState() {
    if (phase_ == Phase::error && !read_) {
        report_failure(std::move(error_), "Future");
    }
}

void FutureState::require_here(const char* remedy) const noexcept {
    EDDY_REQUIRE(bound_.here(), remedy);
}

void FutureState::require_pending() const {
    if (done()) {
        throw InvalidState("Promise: the result is set already, and is set once");
    }
}

void FutureState::fail(std::exception_ptr error) noexcept {
    const bool cancelled = is_cancelled(error);  // no failure, so not reported when nobody reads it
    error_ = without_cancelled(std::move(error));
    settle(cancelled ? Phase::broken : Phase::error);
}

bool FutureState::try_fail(std::exception_ptr error) {
    if (!error) {
        throw std::invalid_argument("Promise::set_exception: give it an exception, not null");
    }
    if (done()) {
        return false;
    }
    fail(std::move(error));
    return true;
}

void FutureState::abandon(const char* why) noexcept {
    error_ = failure_from([why] { return BrokenResource(why); });
    settle(Phase::broken);
}

void FutureState::require_value() const {
    if (error_) {
        read_ = true;
        std::rethrow_exception(error_);
    }
    if (!done()) {
        throw InvalidState("Future: the result is not there yet; co_await it");
    }
}

std::exception_ptr FutureState::error() const noexcept {
    read_ = true;
    return error_;
}

}  // namespace eddy::inline v0_1::detail
