// SPDX-License-Identifier: MIT
#include <eddy/retry_if.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/retry.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/recording_observer.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::retry;
using eddy::RetryIf;
using eddy::RetryPolicy;
using eddy::Task;

// Options with one stand in `co_await` expressions, where g++ 12 destroys other aggregates twice.
static_assert(std::is_trivially_destructible_v<RetryIf>);
static_assert(std::is_trivially_copyable_v<RetryIf>);

const std::exception_ptr failure = std::make_exception_ptr(std::runtime_error("no"));

bool always(const std::exception_ptr&) { return true; }
bool never(const std::exception_ptr&) noexcept { return false; }

struct Quota {
    int left = 0;
    bool operator()(const std::exception_ptr&) { return left-- > 0; }
};

Task<int> fails(int& calls) {
    ++calls;
    throw std::runtime_error("attempt " + std::to_string(calls));
    co_return 0;
}

/// What a retry with this predicate ends with, and after how many attempts.
Task<std::string> outcome_of(RetryIf retry_if, int& calls) {
    std::string text = "a value";
    try {
        static_cast<void>(co_await retry(
            {.attempts = 5, .first_delay = 0ns, .retry_if = retry_if}, fails, std::ref(calls)));
    } catch (const std::exception& error) {
        text = error.what();
    }
    co_return text;
}

}  // namespace

TEST_CASE("retry_if is empty, or asks a function, a closure without captures, a callable of mine") {
    CHECK_FALSE(RetryIf());
    CHECK(RetryIf() == nullptr);
    CHECK(RetryIf(nullptr) == nullptr);
    CHECK(RetryIf(always) != nullptr);
    bool (*of_exact_type)(const std::exception_ptr&) = nullptr;
    CHECK(RetryIf(of_exact_type) == nullptr);
    bool (*of_another)(std::exception_ptr) = nullptr;
    CHECK(RetryIf(of_another) == nullptr);
    std::function<bool(const std::exception_ptr&)> function;
    CHECK(RetryIf(function) == nullptr);
    function = always;
    CHECK(RetryIf(function)(failure));
    CHECK(RetryIf(&always)(failure));
    CHECK_FALSE(RetryIf(never)(failure));
    CHECK(RetryIf([](const std::exception_ptr&) { return true; })(failure));
    CHECK(RetryIf([](std::exception_ptr) { return true; })(failure));
    CHECK(RetryIf(eddy::retry_on<eddy::IoError, std::runtime_error>)(failure));
    CHECK_FALSE(RetryIf(eddy::retry_on<eddy::IoError>)(failure));

    int asked = 0;
    const auto closure = [&asked](const std::exception_ptr&) { return ++asked < 3; };
    const RetryIf of_closure = closure;
    const RetryIf copy = of_closure;
    CHECK(of_closure(failure));
    CHECK(copy(failure));
    CHECK_FALSE(of_closure(failure));

    Quota quota{.left = 1};
    const RetryIf of_object = quota;
    CHECK(of_object(failure));
    CHECK_FALSE(of_object(failure));
    CHECK(quota.left == -1);  // it is asked itself, not a copy
}

TEST_CASE("a closure without captures may go before the retry: retry_if keeps its function") {
    RetryIf kept;
    {
        const auto closure = [](const std::exception_ptr&) { return true; };
        kept = closure;
    }
    CHECK(kept(failure));
}

EDDY_TEST_CASE("retry asks a predicate with a state, until it says no") {
    Quota quota{.left = 2};
    int calls = 0;
    const std::string text = co_await outcome_of(quota, calls);
    CHECK(text == "attempt 3");
    CHECK(calls == 3);

    std::vector<std::string> seen;
    const auto worth_it = [&seen](const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& what) {
            seen.emplace_back(what.what());
        }
        return true;
    };
    calls = 0;
    CHECK_THROWS_AS(
        co_await retry(
            {.attempts = 3, .first_delay = 0ns, .retry_if = worth_it}, fails, std::ref(calls)),
        std::runtime_error);
    CHECK(seen == std::vector<std::string>({"attempt 1", "attempt 2", "attempt 3"}));
}

TEST_CASE("what retry_if throws comes out, and the failure it hides goes to the observer") {
    eddy::testing::RecordingObserver observer;
    std::string text;
    int calls = 0;
    const auto main = [&]() -> Task<> {
        const auto broken = [&calls](const std::exception_ptr&) -> bool {
            throw std::logic_error("a bug of the predicate, after " + std::to_string(calls));
        };
        text = co_await outcome_of(broken, calls);
    };
    eddy::Loop({.observer = &observer}).run(main());
    CHECK(text == "a bug of the predicate, after 1");
    CHECK(calls == 1);
    REQUIRE(observer.failures.size() == 1);
    CHECK(observer.failures[0].message == "attempt 1");
    CHECK(observer.failures[0].where == "hidden by what retry_if threw");
}

TEST_CASE("a retry_if that lets the failure itself out hides nothing") {
    eddy::testing::RecordingObserver observer;
    std::string text;
    int calls = 0;
    const auto main = [&]() -> Task<> {
        text = co_await outcome_of(
            [](const std::exception_ptr& error) -> bool { std::rethrow_exception(error); }, calls);
    };
    eddy::Loop({.observer = &observer}).run(main());
    CHECK(text == "attempt 1");
    CHECK(calls == 1);
    CHECK(observer.failures.empty());
}
