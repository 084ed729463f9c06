// SPDX-License-Identifier: MIT
// What a cancellation does to a wait on a Condition: never return without the lock, lose nothing.
#include <cstddef>
#include <functional>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/condition.hpp>
#include <eddy/error.hpp>
#include <eddy/lock.hpp>
#include <eddy/scope.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using eddy::Condition;
using eddy::Lock;
using eddy::Task;
using eddy::testing::settle;

/// A lock, its condition, and what the jobs of a test have to say.
struct Monitor {
    Lock lock;
    Condition changed{lock};
    std::vector<int> order;

    std::size_t waiters() const { return changed.statistics().waiters; }
    std::size_t lock_waiters() const { return lock.statistics().waiters; }
};

Task<> waits(Monitor& m, int number) {
    auto guard = co_await m.lock.acquire();
    co_await m.changed.wait(guard);
    CHECK(guard.holds(m.lock));
    m.order.push_back(number);
}

/// Notes `number` when it returns and -`number` when it throws, in both cases with the lock held.
Task<> waits_or_throws(Monitor& m, int number) {
    auto guard = co_await m.lock.acquire();
    const eddy::JobId me = m.lock.statistics().owner;
    try {
        co_await m.changed.wait(guard);
        m.order.push_back(number);
    } catch (const eddy::Cancelled&) {
        m.order.push_back(-number);
        CHECK(guard.holds(m.lock));
        CHECK(m.lock.statistics().owner == me);
        throw;
    }
    CHECK(guard.holds(m.lock));
    CHECK(m.lock.statistics().owner == me);
    co_await eddy::checkpoint();
    m.order.push_back(number);
}

Task<> takes(Monitor& m, int number) {
    const auto guard = co_await m.lock.acquire();
    m.order.push_back(number);
}

}  // namespace

EDDY_TEST_CASE("cancelled while it waits, a job throws with the lock held, in its turn") {
    Monitor m;
    eddy::CancelScope scope;
    eddy::spawn(with_scope(scope, waits_or_throws(m, 1))).detach();
    co_await settle();
    auto guard = co_await m.lock.acquire();
    eddy::spawn(takes(m, 10)).detach();
    co_await settle();
    scope.cancel();
    CHECK(m.waiters() == 0);
    CHECK(m.lock_waiters() == 2);
    m.changed.notify_one();  // for nobody: that one is on its way
    co_await settle();
    CHECK(m.order.empty());
    guard.release();
    co_await settle();
    CHECK(m.order == std::vector<int>({10, -1}));
    CHECK(scope.cancelled_caught());
    CHECK_FALSE(m.lock.locked());
}

EDDY_TEST_CASE("cancelled while the lock is free, a job has it at once") {
    Monitor m;
    eddy::CancelScope scope;
    auto job = eddy::spawn(with_scope(scope, waits_or_throws(m, 1)));
    co_await settle();
    scope.cancel();
    CHECK(m.lock.statistics().owner == job.id());
    CHECK_FALSE(m.lock.try_acquire().has_value());
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(m.order == std::vector<int>({-1}));
    CHECK_FALSE(m.lock.locked());
}

EDDY_TEST_CASE(
    "cancelled after a notification, a wait succeeds and loses nothing (CPython 112202)") {
    Monitor m;
    eddy::CancelScope scope;
    eddy::spawn(with_scope(scope, waits_or_throws(m, 1))).detach();
    co_await settle();
    eddy::spawn(waits(m, 2)).detach();
    co_await settle();
    {
        const auto guard = co_await m.lock.acquire();
        m.changed.notify_one();
        scope.cancel();
    }
    co_await settle();
    CHECK(m.order == std::vector<int>({1}));  // it returned; then the checkpoint threw
    CHECK(scope.cancelled_caught());
    CHECK(m.waiters() == 1);
    {
        const auto guard = co_await m.lock.acquire();
        m.changed.notify_one();
    }
    co_await settle();
    CHECK(m.order == std::vector<int>({1, 2}));
}

EDDY_TEST_CASE("cancelled just before a notification, it leaves that to the next one") {
    Monitor m;
    eddy::CancelScope scope;
    eddy::spawn(with_scope(scope, waits_or_throws(m, 1))).detach();
    co_await settle();
    eddy::spawn(waits(m, 2)).detach();
    co_await settle();
    {
        const auto guard = co_await m.lock.acquire();
        scope.cancel();
        m.changed.notify_one();
    }
    co_await settle();
    CHECK(m.order == std::vector<int>({-1, 2}));
}

EDDY_TEST_CASE("in a cancelled scope the lock is not let go at all") {
    Monitor m;
    for (const bool with_predicate : {false, true}) {
        eddy::CancelScope scope;
        bool thrown = false;
        co_await with_scope(
            scope,
            [](Monitor& monitor, eddy::CancelScope& mine, bool predicate, bool& out) -> Task<> {
                auto guard = co_await monitor.lock.acquire();
                auto other = eddy::spawn(takes(monitor, 1));
                co_await settle();
                mine.cancel();
                try {
                    if (predicate) {
                        co_await monitor.changed.wait(guard, [] { return true; });
                    } else {
                        co_await monitor.changed.wait(guard);
                    }
                } catch (const eddy::Cancelled&) {
                    out = true;
                    CHECK(guard.holds(monitor.lock));
                    CHECK(monitor.order.empty());
                    CHECK(monitor.lock_waiters() == 1);
                    throw;
                }
            },
            std::ref(m),
            std::ref(scope),
            with_predicate,
            std::ref(thrown));
        CHECK(thrown);
        co_await settle();
        CHECK(m.order == std::vector<int>{1});
        m.order.clear();
    }
}
