// SPDX-License-Identifier: MIT
#include <chrono>
#include <csignal>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "child_process.hpp"
#include "heap_hooks.hpp"
#include "unanswered.hpp"

// Whole programs, each in a child process: what status they end with, and what they say.

namespace {

using namespace std::chrono_literals;
using eddy::run_main;
using eddy::Task;
using eddy::testing::ChildResult;
using eddy::testing::run_in_child;

template <class T>
T value() {
    if constexpr (!std::is_void_v<T>) {
        return 7;
    }
}

/// Waits for ever; Ctrl-C comes meanwhile.
template <class T>
Task<T> interrupted(int number) {
    co_await eddy::yield();
    static_cast<void>(raise(number));
    co_await eddy::sleep_forever();
    co_return value<T>();
}

template <class T>
Task<T> cancels_its_loop() {
    eddy::Loop::current().cancel("enough");
    co_await eddy::checkpoint();
    co_return value<T>();
}

Task<> throws(std::exception_ptr error) {
    co_await eddy::yield();
    std::rethrow_exception(error);
}

Task<> fails_twice() {
    co_await eddy::with_task_group([](eddy::TaskGroup& group) -> Task<> {
        for (const char* const what : {"first reason", "second reason"}) {
            group.spawn(
                [](const char* text) -> Task<> {
                    try {
                        co_await eddy::sleep_for(1ms);
                    } catch (const eddy::Cancelled&) {
                    }
                    throw std::runtime_error(text);
                },
                what);
        }
        co_return;
    });
}

Task<> does_not_hear(int number) {
    static_cast<void>(raise(number));
    co_await eddy::testing::Unanswered();
}

}  // namespace

TEST_CASE("a main task's value is the status of the program, and 0 if it has none") {
    const ChildResult seven =
        run_in_child([] { return run_main([]() -> Task<int> { co_return 7; }()); });
    CHECK(seven.exit_code == 7);
    const ChildResult none = run_in_child([] { return run_main([]() -> Task<> { co_return; }()); });
    CHECK(none.exit_code == 0);
    CHECK(none.errors.empty());
}

TEST_CASE("Ctrl-C and SIGTERM end a program with 128 and their number, without a word") {
    for (const int number : {SIGINT, SIGTERM}) {
        const ChildResult with_value =
            run_in_child([number] { return run_main(interrupted<int>(number)); });
        CHECK(with_value.exit_code == 128 + number);
        CHECK(with_value.errors.empty());
        const ChildResult without =
            run_in_child([number] { return run_main(interrupted<void>(number)); });
        CHECK(without.exit_code == 128 + number);
        CHECK(without.errors.empty());
    }
}

TEST_CASE("a program that cleans up after Ctrl-C and returns has the status it returns") {
    const ChildResult result = run_in_child([] {
        return run_main([]() -> Task<int> {
            static_cast<void>(raise(SIGINT));
            try {
                co_await eddy::sleep_forever();
            } catch (const eddy::Cancelled&) {
            }
            co_return 3;
        }());
    });
    CHECK(result.exit_code == 3);
}

TEST_CASE(
    "a main task that does not hear Ctrl-C is cut off after the grace, with the same status") {
    const ChildResult result =
        run_in_child([] { return run_main(does_not_hear(SIGINT), {.grace = 1ms}); });
    CHECK(result.exit_code == 128 + SIGINT);
    CHECK(result.errors.find("cut off after its grace period") != std::string::npos);
}

TEST_CASE("what a main task throws is said, and 1") {
    const ChildResult result = run_in_child([] {
        return run_main(throws(std::make_exception_ptr(std::runtime_error("no such thing"))));
    });
    CHECK(result.exit_code == 1);
    CHECK(result.errors == "no such thing\n");
    const ChildResult number =
        run_in_child([] { return run_main(throws(std::make_exception_ptr(5))); });
    CHECK(number.exit_code == 1);
    CHECK(number.errors == "an exception of type int\n");
}

TEST_CASE("what a main task throws may be long, and is one line all the same") {
    const std::string text(3000, 'x');
    const ChildResult result = run_in_child(
        [&text] { return run_main(throws(std::make_exception_ptr(std::runtime_error(text)))); });
    CHECK(result.exit_code == 1);
    CHECK(result.errors == text + "\n");
}

TEST_CASE("of a group each failure is said") {
    const ChildResult result = run_in_child([] { return run_main(fails_twice()); });
    CHECK(result.exit_code == 1);
    CHECK(result.errors.find("first reason\n") != std::string::npos);
    CHECK(result.errors.find("second reason\n") != std::string::npos);
}

TEST_CASE("a main task that was cancelled by no signal is 0, or 1 if there should be a value") {
    const ChildResult without = run_in_child([] { return run_main(cancels_its_loop<void>()); });
    CHECK(without.exit_code == 0);
    CHECK(without.errors.empty());
    const ChildResult with_value = run_in_child([] { return run_main(cancels_its_loop<int>()); });
    CHECK(with_value.exit_code == 1);
    CHECK(with_value.errors.find("cancelled before it had a value") != std::string::npos);
}

TEST_CASE("run_main leaves signals alone if told so") {
    const ChildResult result = run_in_child(
        [] { return run_main(interrupted<void>(SIGTERM), {.handle_signals = false}); });
    CHECK(result.signal == SIGTERM);
}

TEST_CASE("where no loop is to be had, run_main says so") {
    const ChildResult result = run_in_child([] {
        return run_main(
            []() -> Task<int> { co_return run_main([]() -> Task<> { co_return; }()); }());
    });
    CHECK(result.exit_code == 1);
    CHECK(result.errors.find("a loop runs on this thread already") != std::string::npos);
}

TEST_CASE("a loop says which signal has ended it") {
    const ChildResult result = run_in_child([] {
        eddy::Loop loop;
        loop.run(interrupted<void>(SIGTERM), {.handle_signals = true});
        return loop.received_signal();
    });
    CHECK(result.exit_code == SIGTERM);
}

#if EDDY_HEAP_HOOKS
TEST_CASE("without memory to say what was thrown, the status says that something was") {
    const auto error = std::make_exception_ptr(std::runtime_error(std::string(100, '.')));
    const ChildResult child = run_in_child([&error] {
        const eddy::testing::FailAllocation none(0, eddy::testing::FailAllocation::Mode::and_after);
        return eddy::detail::exit_status(std::nullopt, error, 0, false);
    });
    CHECK(child.exit_code == 1);
}
#endif

TEST_CASE("what a main task throws after a signal is said, unless the end of its loop made it") {
    const auto status_of = [](std::exception_ptr error) {
        return run_in_child([&error] {
            return run_main([](std::exception_ptr thrown) -> Task<> {
                static_cast<void>(raise(SIGTERM));
                try {
                    co_await eddy::sleep_forever();
                } catch (const eddy::Cancelled&) {
                }
                std::rethrow_exception(thrown);
            }(error));
        });
    };
    const ChildResult failed =
        status_of(std::make_exception_ptr(std::runtime_error("cannot save")));
    CHECK(failed.exit_code == 1);
    CHECK(failed.errors.find("cannot save") != std::string::npos);
    const ChildResult cancelled =
        status_of(std::make_exception_ptr(eddy::JobCancelled("a helper was cancelled")));
    CHECK(cancelled.exit_code == 128 + SIGTERM);
    const ChildResult closed =
        status_of(std::make_exception_ptr(eddy::LoopClosed("the loop is ending")));
    CHECK(closed.exit_code == 128 + SIGTERM);
}

TEST_CASE("what others have written moves no cursor, and a failure's own lines stay") {
    const ChildResult child = run_in_child([] {
        const auto error =
            std::make_exception_ptr(std::runtime_error("no \x1b[2Jhost\nusage:\tprogram HOST"));
        return run_main(throws(error));
    });
    CHECK(child.exit_code == 1);
    CHECK(child.errors.find("no \\x1b[2Jhost\nusage:\tprogram HOST\n") != std::string::npos);
}
