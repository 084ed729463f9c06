// SPDX-License-Identifier: MIT
#include <eddy/detach_on_cancel.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>

#include <eddy/error.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::detach_on_cancel;
using eddy::sleep_for;
using eddy::Task;
using eddy::testing::settle;

Task<int> works(eddy::Duration time, std::shared_ptr<int> done) {
    co_await sleep_for(time);
    ++*done;
    co_return 7;
}

Task<int> fails_after(eddy::Duration time) {
    co_await sleep_for(time);
    throw std::runtime_error("too bad");
}

}  // namespace

EDDY_TEST_CASE("detach_on_cancel waits for the work and returns its result") {
    const auto done = std::make_shared<int>(0);
    const int value = co_await detach_on_cancel(works(1s, done));
    CHECK(value == 7);
    CHECK(*done == 1);
    const int by_call = co_await detach_on_cancel(works, 1s, done);
    CHECK(by_call == 7);
}

EDDY_TEST_CASE("a cancelled caller leaves at once, and the work goes on alone") {
    const auto done = std::make_shared<int>(0);
    const auto start = eddy::now();
    const auto none = co_await eddy::move_on_after(1s, detach_on_cancel(works(5s, done)));
    CHECK_FALSE(none.has_value());
    CHECK(eddy::now() - start == 1s);
    CHECK(*done == 0);
    co_await sleep_for(5s);
    CHECK(*done == 1);
}

EDDY_TEST_CASE("a failure comes out raw while the caller waits") {
    bool thrown = false;
    try {
        static_cast<void>(co_await detach_on_cancel(fails_after(1s)));
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    CHECK(thrown);
}

EDDY_TEST_CASE("a failure after the caller has left is reported") {
    auto& failures = eddy::testing::expected_failures();
    const auto none = co_await eddy::move_on_after(1s, detach_on_cancel(fails_after(2s)));
    CHECK_FALSE(none.has_value());
    CHECK(failures.empty());
    co_await sleep_for(2s);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "too bad");
}

EDDY_TEST_CASE("the work does not start in a job that is cancelled already") {
    const auto done = std::make_shared<int>(0);
    eddy::CancelScope scope;
    scope.cancel();
    const bool finished = co_await eddy::with_scope(
        scope,
        [](const std::shared_ptr<int>& flag) -> Task<> {
            static_cast<void>(co_await detach_on_cancel(works(0s, flag)));
        },
        done);
    CHECK_FALSE(finished);
    co_await sleep_for(1s);
    CHECK(*done == 0);
    CHECK(done.use_count() == 1);
}

EDDY_TEST_CASE("deadlines around the caller do not reach the work") {
    eddy::TimePoint deadline{};
    const bool finished =
        co_await eddy::move_on_after(1s,
                                     detach_on_cancel(
                                         [](eddy::TimePoint& out) -> Task<> {
                                             out = eddy::current_effective_deadline();
                                             co_return;
                                         },
                                         std::ref(deadline)));
    CHECK(finished);
    CHECK(deadline == eddy::never);
}

TEST_CASE("detached work is done once, at whichever checkpoint its caller is cancelled") {
    std::shared_ptr<int> done;
    bool started = false;
    eddy::testing::cancel_at_each_checkpoint(
        [&]() -> Task<> {
            done = std::make_shared<int>(0);
            started = false;
            // In the root group it outlives the scope; the loop's end would cancel it.
            static_cast<void>(co_await detach_on_cancel([&]() -> Task<int> {
                started = true;
                co_return co_await eddy::shield(works(1s, done));
            }));
        },
        [&] { CHECK(*done == (started ? 1 : 0)); });
}
