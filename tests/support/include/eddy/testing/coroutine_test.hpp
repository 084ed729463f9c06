// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/task.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/time.hpp>

/// Test cases that are coroutines.
///
///     EDDY_TEST_CASE("a gate lets everybody through") {
///         Gate gate;
///         ...
///         co_await eddy::testing::settle();
///         CHECK(...);
///     }
///
/// The body runs as the main job of a loop with a `VirtualClock`: once with first-in first-out
/// scheduling, then once for each of two seeds with ready jobs in random order. `EDDY_SEEDS=200`
/// asks for seeds 1 to 200, `EDDY_SEEDS=0` for none, `EDDY_SEED=17` for that one alone; a failure
/// names its seed. So a body runs three times: what it keeps outside of itself, it resets. The loop
/// must end empty: no job, no deadline, no handle; and no failure may have gone uncollected, unless
/// `expected_failures()` was asked for. A job that does not end, be it always ready, or waiting for
/// a call that never returns, fails the test after ten seconds, by name and place.
///
/// A body without `co_await` and `co_return` is no coroutine, and does not compile ("no return
/// statement", "non-void function does not return a value"): use `TEST_CASE`, or end it with
/// `co_return`.

namespace eddy::testing {

/// How the current test's body is being run.
enum class Order : bool { any, fifo };

/// Runs `body` as described above. What it throws comes out, after the seed has been noted. Jobs it
/// leaves behind have `grace` to end, in virtual time, or in real time if that stands still.
void run_test(const std::function<Task<>()>& body,
              Order order = Order::any,
              Duration grace = std::chrono::seconds(10));

/// The schedules a test runs under: nothing for FIFO, else a seed. From the environment, else FIFO
/// and seeds 1 and 2.
[[nodiscard]] std::vector<std::optional<std::uint64_t>> schedules();

/// The failures reported so far to the observer of the running test; from now on they are expected,
/// and checking them is the test's business.
[[nodiscard]] std::vector<RecordingObserver::Failure>& expected_failures();

/// From now on, `count()` is the same after the body of every coroutine test, and after each run of
/// `cancel_at_each_checkpoint`, as before it: for a test executable that knows of something to be
/// leaked. It is called on the loop; what goes away a turn after its owner has that time, and what
/// jobs have that the body leaves behind is not looked at. `what` names it, and lasts as long as
/// the process.
void leaves_unchanged(const char* what, std::size_t (*count)());

/// The clock of the running test.
[[nodiscard]] VirtualClock& test_clock();

}  // namespace eddy::testing

// Compilers only warn of a body that is no coroutine, and its task would be garbage.
#define EDDY_TEST_CASE_IMPL(function, name, order)                   \
    static ::eddy::Task<> function();                                \
    TEST_CASE(name) { ::eddy::testing::run_test(&function, order); } \
    _Pragma("GCC diagnostic error \"-Wreturn-type\"") static ::eddy::Task<> function()

/// A coroutine test that holds under every order of ready jobs.
#define EDDY_TEST_CASE(name) \
    EDDY_TEST_CASE_IMPL(DOCTEST_ANONYMOUS(eddy_coroutine_test_), name, ::eddy::testing::Order::any)

/// One that is about first-in first-out order itself.
#define EDDY_TEST_CASE_FIFO(name) \
    EDDY_TEST_CASE_IMPL(DOCTEST_ANONYMOUS(eddy_coroutine_test_), name, ::eddy::testing::Order::fifo)
