// SPDX-License-Identifier: MIT
#include <eddy/retry.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/gather.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;
using eddy::retry;
using eddy::RetryPolicy;
using eddy::Task;
using eddy::testing::cancel_at_each_checkpoint;

namespace {

/// When the attempts were made; the first `failures` of them fail.
struct Flaky {
    int failures = 0;
    std::vector<eddy::Duration> attempts = {};

    Task<int> run() {
        attempts.push_back(eddy::now().time_since_epoch());
        const auto number = static_cast<int>(attempts.size());
        if (number <= failures) {
            throw std::runtime_error("attempt " + std::to_string(number));
        }
        co_return number;
    }
};

constexpr RetryPolicy exact{.attempts = 4, .first_delay = 100ms, .jitter = 0.0};

}  // namespace

EDDY_TEST_CASE("what succeeds is not repeated") {
    Flaky flaky;
    CHECK(co_await retry(exact, &Flaky::run, &flaky) == 1);
    CHECK(flaky.attempts.size() == 1);
}

EDDY_TEST_CASE("pauses grow by the factor, up to the cap") {
    Flaky flaky{.failures = 5};
    const RetryPolicy policy{
        .attempts = 6, .first_delay = 10ms, .factor = 3.0, .max_delay = 100ms, .jitter = 0.0};
    CHECK(co_await retry(policy, &Flaky::run, &flaky) == 6);
    CHECK(flaky.attempts == std::vector<eddy::Duration>({0ms, 10ms, 40ms, 130ms, 230ms, 330ms}));
}

EDDY_TEST_CASE("when the attempts are used up the last failure comes out raw") {
    Flaky flaky{.failures = 100};
    CHECK_THROWS_WITH(co_await retry(exact, &Flaky::run, &flaky), "attempt 4");
    CHECK(flaky.attempts.size() == 4);
    CHECK(eddy::now().time_since_epoch() == 700ms);
}

EDDY_TEST_CASE("a policy may be written down in the call") {
    Flaky flaky{.failures = 1};
    const int number = co_await retry(
        {.attempts = 2, .first_delay = 1ms, .seed = 7, .retry_if = eddy::retry_on<std::exception>},
        &Flaky::run,
        &flaky);
    CHECK(number == 2);
}

EDDY_TEST_CASE("one attempt means none is repeated") {
    Flaky flaky{.failures = 1};
    const RetryPolicy policy{.attempts = 1};
    CHECK_THROWS_WITH(co_await retry(policy, &Flaky::run, &flaky), "attempt 1");
}

EDDY_TEST_CASE("only failures that the policy names are retried") {
    int calls = 0;
    const auto fn = [&calls](bool io) -> Task<> {
        ++calls;
        if (io) {
            throw eddy::IoError(std::make_error_code(std::errc::connection_refused), "connect");
        }
        throw std::logic_error("a bug");
        co_return;
    };
    RetryPolicy policy = exact;
    policy.retry_if = eddy::retry_on<eddy::IoError, eddy::TimedOut>;
    CHECK_THROWS_AS(co_await retry(policy, fn, true), eddy::IoError);
    CHECK(calls == 4);
    CHECK_THROWS_AS(co_await retry(policy, fn, false), std::logic_error);
    CHECK(calls == 5);
}

EDDY_TEST_CASE("what is no std::exception is retried too, Cancelled never") {
    int calls = 0;
    const auto odd = [&calls]() -> Task<int> {
        if (++calls == 1) {
            throw 42;
        }
        co_return calls;
    };
    CHECK(co_await retry(exact, odd) == 2);

    int attempts = 0;
    const auto waits = [&attempts]() -> Task<> {
        ++attempts;
        co_await eddy::sleep_forever();
    };
    const bool completed = co_await eddy::move_on_after(10ms, retry(exact, waits));
    CHECK(!completed);
    CHECK(attempts == 1);
}

EDDY_TEST_CASE("a timeout inside an attempt is a failure like others") {
    int attempts = 0;
    const auto slow = [&attempts]() -> Task<int> {
        ++attempts;
        co_await eddy::fail_after(
            1ms, eddy::retry(exact, []() -> Task<> { co_await eddy::sleep_forever(); }));
        co_return 1;
    };
    CHECK_THROWS_AS(co_await retry(exact, slow), eddy::TimedOut);
    CHECK(attempts == 4);
}

EDDY_TEST_CASE("a pause that would not end before the deadline is not begun") {
    Flaky flaky{.failures = 100};
    std::string message;
    bool in_time = false;
    const bool completed = co_await eddy::move_on_after(300ms, [&]() -> Task<> {
        try {
            const int number = co_await retry(exact, &Flaky::run, &flaky);
            static_cast<void>(number);
        } catch (const std::runtime_error& error) {
            message = error.what();
            in_time = eddy::now().time_since_epoch() == 100ms;
        }
    });
    CHECK(completed);
    CHECK(message == "attempt 2");  // the third would begin at 300 ms
    CHECK(in_time);
}

EDDY_TEST_CASE("a failure in a cancelled scope is not retried") {
    eddy::CancelScope scope;
    scope.cancel();
    Flaky flaky{.failures = 100};
    CHECK_THROWS_WITH(co_await eddy::with_scope(scope, retry(exact, &Flaky::run, &flaky)),
                      "attempt 1");
}

EDDY_TEST_CASE("a shield without a deadline hides the one outside") {
    Flaky flaky{.failures = 2};
    const auto result =
        co_await eddy::move_on_after(50ms, eddy::shield(retry(exact, &Flaky::run, &flaky)));
    REQUIRE(result.has_value());
    CHECK(*result == 3);
}

EDDY_TEST_CASE("jitter takes off up to its share, and the same seed gives the same pauses") {
    RetryPolicy policy{.attempts = 50, .first_delay = 100ms, .factor = 1.0, .jitter = 0.5};
    std::vector<eddy::Duration> pauses;
    std::vector<eddy::Duration> again;
    std::vector<eddy::Duration> other;
    const auto measure = [&policy](std::vector<eddy::Duration>& out) -> Task<> {
        const eddy::Duration start = eddy::now().time_since_epoch();
        Flaky flaky{.failures = 49};
        const int number = co_await retry(policy, &Flaky::run, &flaky);
        CHECK(number == 50);
        for (const eddy::Duration at : flaky.attempts) {
            out.push_back(at - start);
        }
    };
    policy.seed = 1;
    co_await measure(pauses);
    co_await measure(again);
    policy.seed = 2;
    co_await measure(other);
    CHECK(pauses == again);
    CHECK(pauses != other);
    policy.seed = std::nullopt;
    co_await eddy::gather(measure(again), measure(other));

    eddy::Duration shortest = 1h;
    eddy::Duration longest = 0ms;
    for (std::size_t i = 1; i < pauses.size(); ++i) {
        shortest = std::min(shortest, pauses[i] - pauses[i - 1]);
        longest = std::max(longest, pauses[i] - pauses[i - 1]);
    }
    CHECK(shortest >= 50ms);
    CHECK(shortest < 60ms);
    CHECK(longest <= 100ms);
    CHECK(longest > 90ms);
}

EDDY_TEST_CASE("results may be move-only, references or nothing; arguments are passed each time") {
    auto counter = std::make_shared<int>(0);
    const auto make = [](std::shared_ptr<int> count) -> Task<std::unique_ptr<int>> {
        if (++*count < 3) {
            throw std::runtime_error("not yet");
        }
        co_return std::make_unique<int>(*count);
    };
    const auto made = co_await retry(exact, make, counter);
    CHECK(*made == 3);

    int target = 1;
    const auto refer = [](int* to) -> Task<int&> { co_return *to; };
    CHECK(&co_await retry(exact, refer, &target) == &target);

    co_await retry(exact, []() -> Task<> { co_return; });
}

EDDY_TEST_CASE("a policy that makes no sense is refused") {
    Flaky flaky;
    for (const RetryPolicy& policy :
         {RetryPolicy{.attempts = 0},
          RetryPolicy{.first_delay = -1ms},
          RetryPolicy{.factor = 0.5},
          RetryPolicy{.max_delay = -1ms},
          RetryPolicy{.jitter = 1.5},
          RetryPolicy{.jitter = -0.5},
          RetryPolicy{.factor = std::numeric_limits<double>::quiet_NaN()}}) {
        CHECK_THROWS_AS(co_await retry(policy, &Flaky::run, &flaky), std::invalid_argument);
    }
    CHECK(flaky.attempts.empty());
}

EDDY_TEST_CASE("no delay stays none, whatever the factor") {
    Flaky flaky{.failures = 4};
    const RetryPolicy policy{.attempts = 5,
                             .first_delay = 0s,
                             .factor = std::numeric_limits<double>::infinity(),
                             .jitter = 0.0};
    const eddy::TimePoint start = eddy::now();
    const auto number = co_await eddy::move_on_after(24h, retry(policy, &Flaky::run, &flaky));
    CHECK(number.has_value());
    CHECK(eddy::now() == start);
}

EDDY_TEST_CASE("huge delays do not overflow") {
    Flaky flaky{.failures = 2};
    const RetryPolicy policy{.attempts = 3,
                             .first_delay = 24h * 365 * 100,
                             .factor = 1e9,
                             .max_delay = eddy::Duration::max(),
                             .jitter = 0.0};
    const auto task = [&]() -> Task<> {
        const int number = co_await retry(policy, &Flaky::run, &flaky);
        static_cast<void>(number);
    };
    eddy::CancelScope scope;
    const auto cancels = [&scope]() -> Task<> {
        co_await eddy::sleep_for(24h * 365 * 101);
        scope.cancel();
    };
    const auto both = co_await eddy::gather(eddy::with_scope(scope, task()), cancels());
    CHECK(!std::get<0>(both));
    CHECK(flaky.attempts.size() == 2);
}

TEST_CASE("retry can be cancelled at each of its checkpoints") {
    const auto checkpoints = cancel_at_each_checkpoint([]() -> Task<> {
        int calls = 0;
        const auto fn = [&calls]() -> Task<int> {
            co_await eddy::sleep_for(1ms);
            if (++calls < 3) {
                throw std::runtime_error("no");
            }
            co_return calls;
        };
        const int result = co_await retry(exact, fn);
        CHECK(result == 3);
    });
    CHECK(checkpoints == 5);
}

namespace {

bool by_value(std::exception_ptr error) { return error != nullptr; }
int by_number(const std::exception_ptr&) noexcept { return 0; }

}  // namespace

EDDY_TEST_CASE("retry_if takes functions that can be called so, whatever their exact type") {
    int calls = 0;
    const auto fails = [](int& count) -> eddy::Task<> {
        ++count;
        throw std::runtime_error("no");
        co_return;
    };
    for (const bool again : {true, false}) {
        calls = 0;
        bool failed = false;
        try {
            const eddy::RetryPolicy policy{
                .attempts = 3,
                .retry_if = again ? eddy::RetryIf(by_value) : eddy::RetryIf(&by_number)};
            co_await eddy::retry(policy, fails, std::ref(calls));
        } catch (const std::runtime_error&) {
            failed = true;
        }
        CHECK(failed);
        CHECK(calls == (again ? 3 : 1));
    }
}
