// SPDX-License-Identifier: MIT
// What an operation calls when it is tried, or started, may cancel the job that is about to wait:
// nobody waits yet, so nobody can be ended, and the wait ends all the same.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/condition.hpp>
#include <eddy/counter.hpp>
#include <eddy/event.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/lock.hpp>
#include <eddy/queue.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::CancelScope;
using eddy::Counter;
using eddy::select;
using eddy::Task;
using eddy::testing::settle;

auto cancels(CancelScope& scope) {
    return [&scope](std::int64_t) {
        scope.cancel("by what it waits with");
        return false;
    };
}

Task<> waits_for(Counter& counter, CancelScope& scope) {
    co_await counter.wait_for(cancels(scope));
}
Task<> selects(Counter& counter, CancelScope& scope) {
    eddy::Event never;
    co_await select(never.wait(), counter.wait_for(cancels(scope)));
}
Task<> selects_from_list(Counter& counter, CancelScope& scope) {
    const std::vector<int> two(2);
    co_await select(two, [&](int) { return counter.wait_for(cancels(scope)); });
}
Task<> waits_with_lock(eddy::Lock& lock, eddy::Condition& changed, CancelScope& scope) {
    auto guard = co_await lock.acquire();
    co_await changed.wait(guard, [&scope] {
        scope.cancel("by what it waits with");
        return false;
    });
}
Task<> calls_out(CancelScope& scope, int& aborts) {
    std::optional<eddy::Completion<int>> kept;
    co_await eddy::from_callback<int>(
        [&](eddy::Completion<int> done) {
            kept = std::move(done);
            scope.cancel("in its start");
        },
        [&] {
            ++aborts;
            return eddy::Abort::done;
        });
}

/// True: `work` was cancelled, in its first step.
Task<bool> ends(CancelScope& scope, Task<> work) {
    auto job = eddy::spawn(eddy::with_scope(scope, std::move(work)));
    co_await settle();
    CHECK(job.done());
    const bool whole = co_await job;
    co_return !whole;
}

}  // namespace

EDDY_TEST_CASE("a predicate that cancels its own job at the first look ends the wait") {
    Counter counter;
    CancelScope scope;
    const bool cancelled = co_await ends(scope, waits_for(counter, scope));
    CHECK(cancelled);
    CHECK(counter.statistics().waiters == 0);
}

EDDY_TEST_CASE("so does one in a select, and in a select over a list") {
    Counter counter;
    CancelScope one;
    const bool alone = co_await ends(one, selects(counter, one));
    CHECK(alone);
    CancelScope other;
    const bool listed = co_await ends(other, selects_from_list(counter, other));
    CHECK(listed);
    CHECK(counter.statistics().waiters == 0);
}

EDDY_TEST_CASE("so does a condition's, which has the lock again for it") {
    eddy::Lock lock;
    eddy::Condition changed(lock);
    CancelScope scope;
    const bool cancelled = co_await ends(scope, waits_with_lock(lock, changed, scope));
    CHECK(cancelled);
    CHECK_FALSE(lock.locked());
}

EDDY_TEST_CASE("a call that cancels its own job in its start is asked to end") {
    CancelScope scope;
    int aborts = 0;
    const bool cancelled = co_await ends(scope, calls_out(scope, aborts));
    CHECK(cancelled);
    CHECK(aborts == 1);
}

EDDY_TEST_CASE("a timeout around a job that has cancelled an inner scope is not held up") {
    Counter counter;
    CancelScope scope;
    const auto in_time =
        co_await eddy::move_on_after(1s, eddy::with_scope(scope, waits_for(counter, scope)));
    CHECK(in_time.has_value());
}
