// SPDX-License-Identifier: MIT
#include <eddy/with_scope.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <eddy/call_later.hpp>
#include <eddy/detail/turn.hpp>
#include <eddy/error.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/own.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::CancelScope;
using eddy::Task;
using eddy::with_scope;
using eddy::detail::Turn;
using eddy::testing::as;
using eddy::testing::error_of;
using eddy::testing::Gate;
using eddy::testing::holds;
using eddy::testing::let_run;
using eddy::testing::settle;
using eddy::testing::test_clock;

namespace {

Task<> sleeps(eddy::Duration time) { co_await eddy::sleep_for(time); }
Task<> sleeps_forever() { co_await eddy::sleep_forever(); }
Task<int> answers_after(eddy::Duration time) {
    co_await eddy::sleep_for(time);
    co_return 42;
}
Task<std::string&> refers(std::string& text) { co_return text; }
Task<std::unique_ptr<int>> owns(std::unique_ptr<int> value) {
    co_await eddy::yield();
    co_return value;
}
Task<int> swallows() {
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled&) {
    }
    co_return 7;
}
Task<int> fails_in_cleanup() {
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled&) {
        throw std::runtime_error("cleanup failed");
    }
    co_return 0;
}
Task<int> waits_for(Gate& gate) {
    co_await gate.wait();
    co_return 1;
}
Task<> never_suspends(int& rounds) {
    while (true) {
        co_await eddy::checkpoint();
        ++rounds;
        test_clock().advance(1ms);
    }
}

}  // namespace

EDDY_TEST_CASE("work that ends in time gives its result, whatever its type") {
    const std::optional<int> value = co_await eddy::move_on_after(2s, answers_after(1s));
    CHECK(value == 42);
    const bool done = co_await eddy::move_on_after(2s, sleeps(1s));
    CHECK(done);
    std::string text = "here";
    const auto reference = co_await eddy::move_on_after(2s, refers(text));
    REQUIRE(reference.has_value());
    CHECK(*reference == &text);
    std::string& same = co_await eddy::fail_after(2s, refers(text));
    CHECK(&same == &text);
    auto owned = co_await eddy::move_on_after(2s, owns(std::make_unique<int>(3)));
    REQUIRE(owned.has_value());
    CHECK(**owned == 3);
    auto kept = co_await eddy::fail_after(2s, owns(std::make_unique<int>(4)));
    CHECK(*kept == 4);
}

EDDY_TEST_CASE("move_on_after gives up empty-handed when the time is over") {
    const auto start = eddy::now();
    const std::optional<int> value = co_await eddy::move_on_after(1s, answers_after(1h));
    CHECK_FALSE(value.has_value());
    const bool done = co_await eddy::move_on_after(1s, sleeps_forever());
    CHECK_FALSE(done);
    CHECK(eddy::now() - start == 2s);
    co_await eddy::checkpoint();
}

EDDY_TEST_CASE("fail_after throws TimedOut when the time is over") {
    const auto error = co_await error_of(eddy::fail_after(1s, answers_after(1h)));
    CHECK(holds<eddy::TimedOut>(error));
    const auto other = co_await error_of(eddy::fail_after(1s, sleeps_forever()));
    CHECK(holds<eddy::TimedOut>(other));
}

EDDY_TEST_CASE("the _at forms take a moment, and one in the past cancels the first checkpoint") {
    const auto start = eddy::now();
    const auto in_time = co_await eddy::move_on_at(start + 2s, answers_after(1s));
    CHECK(in_time == 42);
    const auto late = co_await eddy::move_on_at(start, answers_after(1s));
    CHECK_FALSE(late.has_value());
    const auto error = co_await error_of(eddy::fail_at(start, answers_after(1s)));
    CHECK(holds<eddy::TimedOut>(error));
    const int value = co_await eddy::fail_at(start + 5s, answers_after(1s));
    CHECK(value == 42);
    CHECK(eddy::now() - start == 2s);
}

EDDY_TEST_CASE("a timeout of zero lets work pass that needs no checkpoint") {
    std::string text;
    const auto reference = co_await eddy::move_on_after(0s, refers(text));
    CHECK(reference.has_value());
    const bool done = co_await eddy::move_on_after(0s, sleeps(0s));
    CHECK_FALSE(done);
}

EDDY_TEST_CASE("a negative timeout is one of zero: time that was computed may be over") {
    const auto start = eddy::now();
    for (const eddy::Duration over : {eddy::Duration(-1ns), eddy::Duration::min()}) {
        bool ran = false;
        const bool passed = co_await eddy::move_on_after(over, [&ran]() -> Task<> {
            ran = true;
            co_return;
        });
        CHECK(passed);
        CHECK(ran);
        const bool done = co_await eddy::move_on_after(over, sleeps(0s));
        CHECK_FALSE(done);
        const auto error = co_await error_of(eddy::fail_after(over, sleeps(1s)));
        CHECK(holds<eddy::TimedOut>(error));
        const bool scoped = co_await eddy::with_scope({.timeout = over}, sleeps, 1s);
        CHECK_FALSE(scoped);
    }
    CHECK(eddy::now() == start);
}

EDDY_TEST_CASE("huge timeouts mean no timeout") {
    const auto huge = co_await eddy::move_on_after(eddy::Duration::max(), answers_after(1h));
    CHECK(huge == 42);
    const auto nearly =
        co_await eddy::move_on_after(eddy::Duration::max() - 1ns, answers_after(1h));
    CHECK(nearly == 42);
    const int at = co_await eddy::fail_at(eddy::never, answers_after(1h));
    CHECK(at == 42);
}

EDDY_TEST_CASE("a relative timeout starts with the work, not when it was written down") {
    auto later = eddy::move_on_after(2s, answers_after(1s));
    co_await eddy::sleep_for(10s);
    const auto value = co_await std::move(later);
    CHECK(value == 42);
}

EDDY_TEST_CASE("the outer one of two timeouts due in the same turn absorbs") {
    // Whichever was registered first or is due first, one turn sees both.
    for (const auto inner_time : {1s, 2s, 3s}) {
        bool inner_gave_up = false;
        const auto outer = co_await eddy::move_on_after(2s, [&]() -> Task<> {
            auto jump = eddy::spawn([]() -> Task<> {
                test_clock().advance(10s);
                co_return;
            });
            const bool inner = co_await eddy::move_on_after(inner_time, sleeps_forever());
            inner_gave_up = !inner;
        });
        CHECK_FALSE(outer);
        CHECK_FALSE(inner_gave_up);
    }
}

EDDY_TEST_CASE("an inner fail_after does not throw TimedOut in place of the outer timeout") {
    for (const auto inner_time : {1s, 2s}) {
        std::exception_ptr inner_error;
        const auto outer = co_await eddy::move_on_after(2s, [&]() -> Task<> {
            auto jump = eddy::spawn([]() -> Task<> {
                test_clock().advance(10s);
                co_return;
            });
            inner_error = co_await error_of(eddy::fail_after(inner_time, sleeps_forever()));
            co_await eddy::checkpoint();
        });
        CHECK_FALSE(outer);
        CHECK(holds<eddy::Cancelled>(inner_error));
    }
}

EDDY_TEST_CASE("an inner timeout alone is the inner one's business") {
    bool went_on = false;
    const auto outer = co_await eddy::move_on_after(10s, [&went_on]() -> Task<> {
        const auto error = co_await error_of(eddy::fail_after(1s, sleeps_forever()));
        CHECK(holds<eddy::TimedOut>(error));
        co_await eddy::checkpoint();
        went_on = true;
    });
    CHECK(outer);
    CHECK(went_on);
}

EDDY_TEST_CASE("a completion and a deadline in the same turn: the completion wins") {
    Gate gate;
    auto waiter = eddy::spawn(eddy::fail_after(1s, waits_for(gate)));
    co_await settle();
    CHECK(eddy::Loop::current().post([&gate] { gate.open(); }));
    test_clock().advance(1s);
    const int value = co_await waiter;
    CHECK(value == 1);
}

EDDY_TEST_CASE("work that swallows its cancellation has finished: its value wins") {
    const auto value = co_await eddy::move_on_after(1s, swallows());
    CHECK(value == 7);
    const int same = co_await eddy::fail_after(1s, swallows());
    CHECK(same == 7);
}

EDDY_TEST_CASE("an error of the cleanup replaces the timeout") {
    const auto error = co_await error_of(eddy::move_on_after(1s, fails_in_cleanup()));
    CHECK(holds<std::runtime_error>(error));
    CHECK_FALSE(holds<eddy::TimedOut>(error));
    const auto other = co_await error_of(eddy::fail_after(1s, fails_in_cleanup()));
    CHECK_FALSE(holds<eddy::TimedOut>(other));
    CHECK(std::string(as<std::runtime_error>(other).what()) == "cleanup failed");
}

EDDY_TEST_CASE("a timeout returns when the work has ended, not when the time was up") {
    const auto start = eddy::now();
    const auto error = co_await error_of(eddy::fail_after(1s, []() -> Task<> {
        co_await eddy::shield(sleeps(5s));
        co_await eddy::checkpoint();
    }));
    CHECK(holds<eddy::TimedOut>(error));
    CHECK(eddy::now() - start == 5s);
}

EDDY_TEST_CASE("a timeout reaches work that never suspends but uses up its budget") {
    int rounds = 0;
    const bool done = co_await eddy::move_on_after(1s, never_suspends(rounds));
    CHECK_FALSE(done);
    CHECK(rounds >= 1000);
    CHECK(rounds <= 1000 + int{Turn::whole} * Turn::budget);
}

EDDY_TEST_CASE("what cancelled a scope is recorded: an early cancel stays one after the deadline") {
    CancelScope scope(eddy::ScopeOptions{.timeout = 1s});
    auto job = eddy::spawn(with_scope(scope, []() -> Task<> {
        co_await eddy::shield(sleeps(5s));  // leaves long after the deadline
        co_await eddy::checkpoint();
    }));
    co_await let_run();
    scope.cancel("by hand");
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(scope.cancel_source() == eddy::CancelSource::explicit_call);
    CHECK(scope.cancelled_caught());
}

EDDY_TEST_CASE("an outer cancellation before the deadline is not a timeout") {
    CancelScope outer;
    std::exception_ptr error;
    auto job = eddy::spawn(with_scope(outer, [&error]() -> Task<> {
        error = co_await error_of(eddy::fail_after(1s, [&]() -> Task<> {
            co_await eddy::shield(sleeps(5s));
            co_await eddy::checkpoint();
        }));
    }));
    co_await let_run();
    outer.cancel();
    const bool done = co_await job;
    CHECK(done);  // error_of swallowed it
    CHECK(holds<eddy::Cancelled>(error));
}

EDDY_TEST_CASE("scoped functions get their arguments, and the scope if they ask for it") {
    const auto sum = co_await with_scope(
        {},
        [](CancelScope& scope, int a, std::unique_ptr<int> b) -> Task<int> {
            CHECK(scope.entered());
            co_await eddy::yield();
            co_return a + *b;
        },
        1,
        std::make_unique<int>(2));
    CHECK(sum == 3);
    auto text = std::make_shared<std::string>("kept");
    auto body = [text]() -> Task<std::string> {
        co_await eddy::yield();
        co_return *text;
    };
    const auto result = co_await eddy::move_on_after(1s, eddy::own(body));
    CHECK(result == "kept");
}

EDDY_TEST_CASE("a scoped operation that is never awaited does nothing") {
    bool ran = false;
    {
        auto unused = eddy::move_on_after(1s, [&ran]() -> Task<> {
            ran = true;
            co_return;
        });
    }
    CHECK_FALSE(ran);
    co_return;
}

TEST_CASE("cancelled at any checkpoint, nested timeouts come out clean") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        const auto value = co_await eddy::move_on_after(1s, []() -> Task<int> {
            co_await eddy::yield();
            const int inner = co_await eddy::fail_after(5s, answers_after(10ms));
            co_await eddy::sleep_for(1h);
            co_return inner;
        });
        CHECK_FALSE(value.has_value());
        co_await eddy::shield(sleeps(1s));
        co_await eddy::checkpoint();
    });
    CHECK(count == 5);
}

EDDY_TEST_CASE("an operation can stand where a task can: it is awaited where it lies") {
    Gate gate;
    const bool opened = co_await eddy::move_on_after(1s, gate.wait());
    CHECK_FALSE(opened);
    CHECK(gate.waiters() == 0);
    gate.open();
    const bool open = co_await eddy::move_on_after(1s, gate.wait());
    CHECK(open);
    co_await eddy::shield(gate.wait());
    bool timed_out = false;
    try {
        co_await eddy::fail_after(1s, eddy::sleep_for(2s));
    } catch (const eddy::TimedOut&) {
        timed_out = true;
    }
    CHECK(timed_out);
}

EDDY_TEST_CASE("a handle can be waited for with a timeout, and waited for again") {
    auto job = eddy::spawn([]() -> Task<int> {
        co_await eddy::sleep_for(3s);
        co_return 7;
    });
    const auto early = co_await eddy::move_on_after(1s, job);
    CHECK_FALSE(early);
    const int late = co_await eddy::fail_after(10s, job);
    CHECK(late == 7);
}

EDDY_TEST_CASE("a scope around an operation can be cancelled by others") {
    Gate gate;
    eddy::CancelScope scope;
    auto job = eddy::spawn(
        [](eddy::CancelScope& inside, Gate& closed) -> Task<bool> {
            const bool passed = co_await eddy::with_scope(inside, closed.wait());
            co_return passed;
        },
        std::ref(scope),
        std::ref(gate));
    co_await settle();
    scope.cancel();
    const bool passed = co_await job;
    CHECK_FALSE(passed);
    CHECK(gate.waiters() == 0);
}

EDDY_TEST_CASE("options make a scope around a task, an operation and a handle, too") {
    const eddy::ScopeOptions second{.timeout = 1s};
    const auto answer = co_await with_scope(second, answers_after(500ms));
    CHECK(answer == std::optional<int>(42));
    const auto too_late = co_await with_scope(second, answers_after(2s));
    CHECK_FALSE(too_late.has_value());

    const bool slept = co_await with_scope(second, eddy::sleep_for(500ms));
    CHECK(slept);
    const bool slept_long = co_await with_scope(second, eddy::sleep_for(2s));
    CHECK_FALSE(slept_long);
    auto nap = eddy::sleep_for(500ms);
    const bool napped = co_await with_scope(second, nap);
    CHECK(napped);

    const auto of_job = co_await with_scope(second, eddy::spawn(answers_after(500ms)));
    CHECK(of_job == std::optional<int>(42));
    const auto inside = co_await with_scope(second, with_scope(second, eddy::sleep_for(500ms)));
    CHECK(inside == std::optional<bool>(true));
}

EDDY_TEST_CASE("a scope of the caller's around a handle ends the wait, and not the job") {
    auto job = eddy::spawn([]() -> Task<int> {
        co_await eddy::sleep_for(2s);
        co_return 5;
    });
    eddy::CancelScope given_up;
    auto canceller = eddy::call_later(1s, [&given_up] { given_up.cancel(); });
    const auto none = co_await with_scope(given_up, job);
    CHECK_FALSE(none.has_value());
    eddy::CancelScope patient;
    const auto some = co_await with_scope(patient, std::move(job));
    CHECK(some == 5);
}
