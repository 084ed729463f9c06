// SPDX-License-Identifier: MIT
#include <eddy/with_cleanup.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "heap_hooks.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::sleep_for;
using eddy::Task;
using eddy::with_cleanup;

Task<int> body(eddy::Duration time, bool fail = false) {
    co_await sleep_for(time);
    if (fail) {
        throw std::runtime_error("body");
    }
    co_return 7;
}

Task<> cleanup(int& runs, bool fail = false) {
    co_await sleep_for(1s);
    ++runs;
    if (fail) {
        throw std::runtime_error("cleanup");
    }
}

template <class T>
Task<std::string> how(Task<T> task) {
    std::string text = "finished";
    try {
        static_cast<void>(co_await std::move(task));
    } catch (const eddy::ExceptionGroup& group) {
        text = "group";
        group.for_each<std::runtime_error>(
            [&text](const std::runtime_error& error) { text += std::string(" ") + error.what(); });
    } catch (const std::exception& error) {
        text = error.what();
    }
    co_return text;
}

}  // namespace

EDDY_TEST_CASE("the cleanup runs after the body, and the body's result is returned") {
    int runs = 0;
    const auto start = eddy::now();
    const int value = co_await with_cleanup(body(2s), cleanup(runs));
    CHECK(value == 7);
    CHECK(runs == 1);
    CHECK(eddy::now() - start == 3s);
}

EDDY_TEST_CASE("body and cleanup may be callables, and results move-only") {
    int runs = 0;
    const auto value = co_await with_cleanup(
        []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(1); },
        [&runs] { return cleanup(runs); });
    CHECK(*value == 1);
    CHECK(runs == 1);
}

EDDY_TEST_CASE("a failure of the body comes out raw, after the cleanup") {
    int runs = 0;
    const std::string result = co_await how(with_cleanup(body(1s, true), cleanup(runs)));
    CHECK(result == "body");
    CHECK(runs == 1);
}

EDDY_TEST_CASE("a failure of the cleanup comes out raw when the body has none") {
    int runs = 0;
    const std::string result = co_await how(with_cleanup(body(1s), cleanup(runs, true)));
    CHECK(result == "cleanup");
}

EDDY_TEST_CASE("two failures come out as a group, the body's first") {
    int runs = 0;
    const std::string result = co_await how(with_cleanup(body(1s, true), cleanup(runs, true)));
    CHECK(result == "group body cleanup");
}

EDDY_TEST_CASE("a cancelled body is cleaned up after, and the cancellation goes on") {
    int runs = 0;
    const auto start = eddy::now();
    const auto none = co_await eddy::move_on_after(1s, with_cleanup(body(1h), cleanup(runs)));
    CHECK_FALSE(none.has_value());
    CHECK(runs == 1);
    CHECK(eddy::now() - start == 2s);
}

EDDY_TEST_CASE("a failure of the cleanup outranks the body's cancellation") {
    int runs = 0;
    const std::string result =
        co_await how(eddy::move_on_after(1s, with_cleanup(body(1h), cleanup(runs, true))));
    CHECK(result == "cleanup");
}

EDDY_TEST_CASE("a cancellation during the cleanup does not tear it, and arrives after it") {
    int runs = 0;
    bool after = false;
    auto working = eddy::spawn(
        [](int& count, bool& flag) -> Task<> {
            static_cast<void>(co_await with_cleanup(body(1s), cleanup(count)));
            co_await eddy::yield();
            flag = true;
        },
        std::ref(runs),
        std::ref(after));
    co_await sleep_for(1500ms);
    working.cancel();
    co_await working.wait();
    CHECK(runs == 1);
    CHECK_FALSE(after);
    CHECK(working.state() == eddy::JobState::cancelled);
}

TEST_CASE("the cleanup runs once, at whichever checkpoint the body is cancelled") {
    int runs = 0;
    bool entered = false;
    const auto count = eddy::testing::cancel_at_each_checkpoint(
        [&]() -> Task<> {
            runs = 0;
            entered = true;
            static_cast<void>(co_await with_cleanup(body(1s), cleanup(runs)));
        },
        [&] { CHECK(runs == (std::exchange(entered, false) ? 1 : 0)); });
    CHECK(count >= 2);
}

EDDY_TEST_CASE("a task with cleanup that never starts runs neither") {
    int runs = 0;
    {
        const auto unused = with_cleanup(body(1s), cleanup(runs));
    }
    CHECK(runs == 0);
    co_return;
}

#if EDDY_HEAP_HOOKS
EDDY_TEST_CASE("without memory for both failures the body's is thrown and the other one reported") {
    const auto body = std::make_exception_ptr(std::runtime_error("body"));
    const auto cleanup = std::make_exception_ptr(std::runtime_error("cleanup"));
    std::string thrown;
    {
        eddy::testing::FailAllocation none(0);
        try {
            eddy::detail::throw_failures(body, cleanup);
        } catch (const std::runtime_error& error) {
            none.stop();
            thrown = error.what();
        }
    }
    CHECK(thrown == "body");
    CHECK(eddy::testing::expected_failures().size() == 1);
    co_return;
}
#endif
