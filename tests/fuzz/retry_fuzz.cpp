// SPDX-License-Identifier: MIT
// Attempts and the pauses between them, for policies of any numbers.
//
// Laws:
// - a policy that makes no sense is `std::invalid_argument`, and nothing runs;
// - the work runs until it succeeds, is not worth another attempt, or the attempts are used up;
//   then its failure comes out, as it was thrown;
// - the n-th pause is `first_delay * factor^(n-1)`, at most `max_delay`, less a share of up to
//   `jitter` of it, to the precision of a double;
// - a pause that would reach the deadline is not begun, and no other one is left out.
//
// Mistakes: factor_squared one_attempt_more
#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

#include <eddy/retry.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/time.hpp>
#include <eddy/with_scope.hpp>

#include "fuzz.hpp"

using eddy::Duration;
using eddy::Task;
using eddy::TimePoint;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

constexpr TimePoint the_end = eddy::never - std::chrono::hours(1);

[[nodiscard]] double real(Bytes& input) {
    const std::uint8_t how = input.take_u8();
    switch (how % 4) {
        case 0:
            return std::bit_cast<double>(input.take_u64());
        case 1:
            return how / 64.0;
        case 2:
            return 1.0 + how / 16;
        default:
            return how < 128   ? 1.0
                   : how < 248 ? std::ldexp(1.0, how)
                               : std::numeric_limits<double>::infinity();
    }
}

[[nodiscard]] Duration time(Bytes& input) {
    const std::uint8_t how = input.take_u8();
    switch (how % 4) {
        case 0:
            return Duration(static_cast<std::int64_t>(input.take_u64()));
        case 1:
            return how < 128 ? Duration::max() : Duration(how / 4 % 8);
        default:
            return std::chrono::milliseconds(how);
    }
}

struct Run {
    eddy::RetryPolicy policy;
    std::size_t attempts;
    std::size_t succeeds_at;  // the number of an attempt
    std::size_t hopeless_at;  // after this one it is not worth another
    std::size_t attempt = 0;
    TimePoint failed{};
    double pause = 0;  // before jitter, of the next one
};

class Failure final : public std::runtime_error {
public:
    Failure(std::size_t attempt, bool is_hopeless)
        : std::runtime_error(std::to_string(attempt)), number(attempt), hopeless(is_hopeless) {}
    std::size_t number;
    bool hopeless;
};

[[nodiscard]] bool worth_it(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Failure& failure) {
        return !failure.hopeless;
    }
}

/// In nanoseconds; doubles are exact to 2^-52, and their product a few times.
[[nodiscard]] bool fits(double pause, double least, double most) {
    const double slack = most * 1e-9 + 2.0;
    return pause >= least - slack && pause <= most + slack;
}

Task<std::size_t> work(Run* run) {
    if (run->attempt != 0) {
        const auto paused = static_cast<double>((eddy::now() - run->failed).count());
        FUZZ_REQUIRE(fits(paused, run->pause * (1.0 - run->policy.jitter), run->pause));
        const double longest = static_cast<double>(run->policy.max_delay.count());
        const double longer = run->pause * run->policy.factor *
                              (planted("factor_squared") ? run->policy.factor : 1.0);
        run->pause = run->pause == 0 ? 0 : std::min(longer, longest);
    }
    ++run->attempt;
    FUZZ_REQUIRE(run->attempt <= run->attempts);
    co_await eddy::sleep_for(Duration(run->attempt % 3));
    if (run->attempt == run->succeeds_at) {
        co_return run->attempt;
    }
    run->failed = eddy::now();
    throw Failure(run->attempt, run->attempt == run->hopeless_at);
}

Task<> attempts(Bytes& input) {
    eddy::RetryPolicy policy;
    const std::uint8_t most = input.take_u8();
    policy.attempts = most == 255 ? -1 : most % 16;
    policy.first_delay = time(input);
    policy.factor = real(input);
    policy.max_delay = time(input);
    policy.jitter = real(input);
    policy.seed = input.take_u8();
    policy.retry_if = input.flag() ? &worth_it : nullptr;
    const bool sensible = most != 255 && most % 16 != 0 && policy.first_delay >= Duration::zero() &&
                          policy.max_delay >= Duration::zero() && policy.factor >= 1.0 &&
                          policy.jitter >= 0.0 && policy.jitter <= 1.0;
    Run run{.policy = policy,
            .attempts = most % 16U,
            .succeeds_at = input.take_u8() % 16U,
            .hopeless_at = policy.retry_if != nullptr ? input.take_u8() % 16U : 0,
            .pause = static_cast<double>(std::min(policy.first_delay, policy.max_delay).count())};
    std::optional<std::size_t> result;
    std::optional<std::size_t> failed;
    bool refused = false;
    try {
        const std::size_t got = co_await eddy::fail_at(the_end, eddy::retry(policy, &work, &run));
        result = got;
    } catch (const std::invalid_argument&) {
        refused = true;
    } catch (const Failure& failure) {
        failed = failure.number;
    }
    FUZZ_REQUIRE(refused == !sensible);
    if (refused) {
        FUZZ_REQUIRE(run.attempt == 0);
        co_return;
    }
    FUZZ_REQUIRE(result ? *result == run.succeeds_at && run.attempt == *result
                        : failed && *failed == run.attempt);
    if (failed) {
        const std::size_t all = run.attempts + (planted("one_attempt_more") ? 1 : 0);
        const bool used_up = run.attempt == all || run.attempt == run.hopeless_at;
        const double left = static_cast<double>((the_end - run.failed).count());
        FUZZ_REQUIRE(used_up || run.pause * (1.0 + 1e-9) + 2.0 >= left);
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    eddy::run(attempts(input), {}, {.clock = &clock});
    return 0;
}
