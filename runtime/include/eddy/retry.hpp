// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/check_call.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/split_mix.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/own.hpp>
#include <eddy/retry_if.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

/// How often, how soon and after which failures `retry` tries again.
///
/// The n-th delay is `first_delay * factor^(n-1)`, at most `max_delay`, of which a random part of
/// up to `jitter` is taken off, so that many clients that failed together do not return together.
struct EDDY_VISIBLE RetryPolicy {
    detail::Count attempts = 3;  ///< all of them, the first included; at least 1
    Duration first_delay = std::chrono::milliseconds(100);
    double factor = 2.0;  ///< at least 1
    Duration max_delay = std::chrono::seconds(30);
    double jitter = 0.5;  ///< 0: exact delays, up to 1: anything below
    /// The same seed, the same delays; for tests.
    std::optional<std::uint64_t> seed = std::nullopt;
    /// Which failures are worth another attempt; empty: all. `retry_on<IoError, TimedOut>`, or a
    /// callable of yours, which it refers to.
    RetryIf retry_if = {};
};

namespace detail {

/// The attempts that are left, and how long to wait for the next.
class EDDY_API Retrying final {
public:
    /// Throws: `std::invalid_argument` for a policy that makes no sense.
    explicit Retrying(const RetryPolicy& policy);

    /// An attempt failed: returns the delay before the next one, or throws the failure when there
    /// is none, or when the delay would reach past the deadline.
    [[nodiscard]] Duration next_delay(const std::exception_ptr& error);

private:
    [[nodiscard]] bool is_worth_it(const std::exception_ptr& error) const;
    [[nodiscard]] double random() noexcept;

    RetryPolicy policy_;
    std::size_t failures_ = 0;
    double delay_;  // ns, before jitter
    SplitMix random_{0};
};

template <class T, class F, class... Args>
Task<T> host_retry(RetryPolicy policy, F fn, Args... args) {
    Retrying retrying(policy);
    while (true) {
        std::exception_ptr error;
        try {
            co_return co_await std::invoke(fn, args...);
        } catch (...) {
            error = std::current_exception();
        }
        const Duration delay = retrying.next_delay(error);
        error = nullptr;
        co_await sleep_for(delay);
    }
}

}  // namespace detail

/// Runs `fn(args...)`, a task, until it succeeds, at most `policy.attempts` times, with growing
/// pauses in between; returns its result.
///
///     const Reply reply = co_await retry({.attempts = 5}, fetch, url);
///
/// Throws:       the last failure, as it was thrown: when the attempts are used up, when
///               `policy.retry_if` says no, or at once when the next pause would not end before
///               `current_effective_deadline()`. `std::invalid_argument` for a bad policy. What
///               `retry_if` throws, at once; the failure it was asked about goes to the observer
///               and the log then, as one that nobody can collect, unless it is what was thrown.
/// Cancellation: `Cancelled` is never retried; the pauses are checkpoints.
/// Lifetime:     `fn` and `args` are kept here; `args` are passed as lvalues, to every attempt
///               anew.
template <class F, class... Args>
[[nodiscard]] auto retry(const RetryPolicy& policy, F&& fn, Args&&... args) {
    if constexpr (detail::check_task_call<F, std::decay_t<Args>&...>()) {
        using T = detail::task_result_t<std::decay_t<F>&, std::decay_t<Args>&...>;
        return detail::host_retry<T, std::decay_t<F>, std::decay_t<Args>...>(
            policy, std::forward<F>(fn), std::forward<Args>(args)...);
    } else {
        return detail::refused();
    }
}

}  // namespace eddy::inline v0_1
