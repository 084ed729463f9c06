// SPDX-License-Identifier: MIT
#include <eddy/race.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/gather.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::cancel_at_each_checkpoint;
using eddy::testing::expected_failures;

namespace {

Task<int> number(int value, eddy::Duration delay) {
    co_await eddy::sleep_for(delay);
    co_return value;
}
Task<> nothing(eddy::Duration delay) { co_await eddy::sleep_for(delay); }
Task<std::unique_ptr<int>> owned(int value, eddy::Duration delay) {
    co_await eddy::sleep_for(delay);
    co_return std::make_unique<int>(value);
}
Task<std::string> text(std::string value, eddy::Duration delay) {
    co_await eddy::sleep_for(delay);
    co_return value;
}
Task<int&> itself(int& value, eddy::Duration delay) {
    co_await eddy::sleep_for(delay);
    co_return value;
}
Task<int> fails(std::string message, eddy::Duration delay) {
    co_await eddy::sleep_for(delay);
    throw std::runtime_error(message);
}

/// When it is cancelled: takes its time, then throws, returns 7, or goes on with the cancellation.
enum class Then { rethrow, fail, finish };
Task<int> stubborn(eddy::Duration delay, Then then, bool& done) {
    std::exception_ptr cancelled;
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled&) {
        cancelled = std::current_exception();
    }
    co_await eddy::shield(nothing(delay));
    done = true;
    if (then == Then::finish) {
        co_return 7;
    }
    if (then == Then::fail) {
        throw std::runtime_error("while cleaning up");
    }
    std::rethrow_exception(cancelled);
}

}  // namespace

EDDY_TEST_CASE("the first to finish wins, the others are cancelled and awaited") {
    const auto start = eddy::now();
    bool cleaned = false;
    const int winner = co_await eddy::race(
        number(1, 30ms), number(2, 10ms), stubborn(20ms, Then::rethrow, cleaned));
    CHECK(winner == 2);
    CHECK(cleaned);
    CHECK(eddy::now() - start == 30ms);
}

EDDY_TEST_CASE("a race of different types says by the index who won") {
    auto winner = co_await eddy::race(number(1, 30ms), owned(2, 10ms), number(3, 20ms));
    static_assert(std::is_same_v<decltype(winner), std::variant<int, std::unique_ptr<int>, int>>);
    REQUIRE(winner.index() == 1);
    CHECK(*std::get<1>(winner) == 2);

    const auto quiet = co_await eddy::race(text("late", 20ms), nothing(10ms));
    CHECK(quiet.index() == 1);
}

EDDY_TEST_CASE("a race of void tasks returns nothing, one of references a reference") {
    const auto start = eddy::now();
    co_await eddy::race(nothing(20ms), nothing(10ms));
    CHECK(eddy::now() - start == 10ms);

    int a = 1;
    int b = 2;
    int& winner = co_await eddy::race(itself(a, 20ms), itself(b, 10ms));
    CHECK(&winner == &b);
    const auto mixed = co_await eddy::race(itself(a, 10ms), nothing(20ms));
    REQUIRE(mixed.index() == 0);
    CHECK(&std::get<0>(mixed).get() == &a);
}

EDDY_TEST_CASE("a race of one task is that task") {
    CHECK(co_await eddy::race(number(1, 1ms)) == 1);
    CHECK_THROWS_WITH(co_await eddy::race(fails("alone", 1ms)), "alone");
}

EDDY_TEST_CASE("a race of no tasks is refused") {
    CHECK_THROWS_AS(co_await eddy::race(std::vector<Task<int>>()), std::invalid_argument);
}

EDDY_TEST_CASE("a vector of a thousand tasks races like two") {
    std::vector<Task<std::unique_ptr<int>>> tasks;
    for (int i = 0; i < 1000; ++i) {
        tasks.push_back(owned(i, std::chrono::milliseconds(i == 777 ? 1 : 10)));
    }
    const auto winner = co_await eddy::race(std::move(tasks));
    CHECK(*winner == 777);
}

EDDY_TEST_CASE("a failure that comes first wins too, and is thrown as it was") {
    bool cleaned = false;
    CHECK_THROWS_WITH(
        co_await eddy::race(
            number(1, 20ms), fails("fast", 10ms), stubborn(5ms, Then::rethrow, cleaned)),
        "fast");
    CHECK(cleaned);
}

EDDY_TEST_CASE("failures of losers go to the observer, whoever won") {
    auto& failures = expected_failures();
    bool cleaned = false;
    const int winner = co_await eddy::race(number(1, 1ms), stubborn(1ms, Then::fail, cleaned));
    CHECK(winner == 1);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "while cleaning up");
    CHECK(failures[0].where == "suppressed by race: job");
    CHECK_THROWS_WITH(co_await eddy::race(fails("fast", 1ms), stubborn(1ms, Then::fail, cleaned)),
                      "fast");
    CHECK(failures.size() == 2);
}

EDDY_TEST_CASE("a loser that finishes all the same has lost") {
    bool cleaned = false;
    CHECK(co_await eddy::race(number(1, 1ms), stubborn(1ms, Then::finish, cleaned)) == 1);
    CHECK(cleaned);
}

EDDY_TEST_CASE("of two that finish in the same turn one wins") {
    const int winner = co_await eddy::race(number(1, 5ms), number(2, 5ms));
    CHECK((winner == 1 || winner == 2));
}

EDDY_TEST_CASE_FIFO("of two that finish in the same turn the first to run wins") {
    CHECK(co_await eddy::race(number(1, 5ms), number(2, 5ms)) == 1);
    CHECK(co_await eddy::race(number(1, 5ms), fails("second", 6ms)) == 1);
}

EDDY_TEST_CASE("cancelling the caller cancels everybody and waits for them") {
    const auto start = eddy::now();
    bool cleaned = false;
    const auto result = co_await eddy::move_on_after(
        10ms, eddy::race(number(1, 1h), stubborn(20ms, Then::rethrow, cleaned)));
    CHECK(!result.has_value());
    CHECK(cleaned);
    CHECK(eddy::now() - start == 30ms);
}

EDDY_TEST_CASE("a task that finishes in spite of the caller's cancellation wins") {
    bool cleaned = false;
    const auto result = co_await eddy::move_on_after(
        10ms, eddy::race(number(1, 1h), stubborn(20ms, Then::finish, cleaned)));
    REQUIRE(result.has_value());
    CHECK(*result == 7);
}

EDDY_TEST_CASE("a cancellation that comes when the race is decided does not take the result") {
    bool cleaned = false;
    const auto result = co_await eddy::move_on_after(
        10ms, eddy::race(number(1, 5ms), stubborn(20ms, Then::rethrow, cleaned)));
    REQUIRE(result.has_value());
    CHECK(*result == 1);
}

EDDY_TEST_CASE("in a scope that is cancelled before, the tasks run up to their first checkpoint") {
    eddy::CancelScope scope;
    scope.cancel();
    const auto result =
        co_await eddy::with_scope(scope, eddy::race(number(1, 1ms), number(2, 1ms)));
    CHECK(!result.has_value());
}

EDDY_TEST_CASE("races nest in gathers and races") {
    const auto both =
        co_await eddy::gather(eddy::race(number(1, 5ms), eddy::race(number(2, 3ms), number(3, 1h))),
                              eddy::race(number(4, 1h), number(5, 1ms)));
    CHECK(std::get<0>(both) == 2);
    CHECK(std::get<1>(both) == 5);
}

TEST_CASE("race can be cancelled at each of its checkpoints") {
    int begun = 0;
    int ended = 0;
    struct Count {
        int& ended;
        explicit Count(int& counter) : ended(counter) {}
        ~Count() { ++ended; }
    };
    const auto child = [&begun, &ended](int value) -> Task<int> {
        ++begun;
        const Count count(ended);
        co_await eddy::yield();
        co_await eddy::sleep_for(std::chrono::milliseconds(value));
        co_return value;
    };
    const auto checkpoints = cancel_at_each_checkpoint(
        [&]() -> Task<> {
            const int winner =
                co_await eddy::race(child(3), child(2), eddy::race(child(1), child(4)));
            CHECK(winner == 1);
        },
        [&] { CHECK(begun == ended); });
    CHECK(checkpoints == 8);
}
