// SPDX-License-Identifier: MIT
#include <eddy/condition.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "heap_hooks.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Condition;
using eddy::Lock;
using eddy::LockGuard;
using eddy::Task;
using eddy::testing::heap_counters;
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

Task<> takes(Monitor& m, int number) {
    const auto guard = co_await m.lock.acquire();
    m.order.push_back(number);
}

Task<> waits_often(Monitor& m, int times, int& passes) {
    auto guard = co_await m.lock.acquire();
    for (int i = 0; i < times; ++i) {
        co_await m.changed.wait(guard);
        ++passes;
    }
}

}  // namespace

EDDY_TEST_CASE("waiting lets the lock go and has it again on return") {
    Monitor m;
    auto job = eddy::spawn(waits(m, 1));
    co_await settle();
    CHECK_FALSE(m.lock.locked());
    CHECK(m.waiters() == 1);
    auto guard = co_await m.lock.acquire();
    m.changed.notify_one();
    CHECK(m.waiters() == 0);
    CHECK(m.lock_waiters() == 1);  // a notified job waits for the lock
    co_await settle();
    CHECK(m.order.empty());
    guard.release();
    CHECK(m.lock.statistics().owner == job.id());  // granted before it runs
    CHECK(m.order.empty());
    co_await job;
    CHECK(m.order == std::vector<int>{1});
    CHECK_FALSE(m.lock.locked());
}

EDDY_TEST_CASE("a guard holds nothing while its condition waits") {
    Monitor m;
    auto guard = co_await m.lock.acquire();
    auto job = eddy::spawn(
        [](Monitor& monitor, LockGuard& lent) -> Task<> {
            co_await monitor.changed.wait(lent);
            CHECK(lent.holds(monitor.lock));
        },
        std::ref(m),
        std::ref(guard));
    co_await settle();
    CHECK_FALSE(guard);
    CHECK_THROWS_AS(guard.release(), eddy::InvalidState);
    CHECK_THROWS_AS(guard.adopt(), eddy::InvalidState);
    {
        const auto mine = co_await m.lock.acquire();
        m.changed.notify_one();
    }
    co_await job;
    CHECK(guard);
}

EDDY_TEST_CASE("notify takes the longest waiters, and none, some or more than there are") {
    Monitor m;
    for (int i = 0; i < 6; ++i) {
        eddy::spawn(waits(m, i)).detach();
        co_await settle();
    }
    const auto notify = [](Monitor& monitor, std::size_t count) -> Task<> {
        const auto guard = co_await monitor.lock.acquire();
        monitor.changed.notify(count);
    };
    co_await notify(m, 0);
    co_await settle();
    CHECK(m.order.empty());
    co_await notify(m, 2);
    co_await settle();
    CHECK(m.order == std::vector<int>({0, 1}));
    co_await notify(m, 1);
    co_await settle();
    CHECK(m.order == std::vector<int>({0, 1, 2}));
    co_await notify(m, 100);
    co_await notify(m, 100);  // nothing is kept
    co_await settle();
    CHECK(m.order == std::vector<int>({0, 1, 2, 3, 4, 5}));
    auto late = eddy::spawn(waits(m, 6));
    co_await settle();
    CHECK_FALSE(late.done());
    {
        const auto guard = co_await m.lock.acquire();
        m.changed.notify_all();
        CHECK(m.waiters() == 0);
    }
    co_await late;
}

EDDY_TEST_CASE("a notified job keeps its place: who comes for the lock later gets it later") {
    Monitor m;
    eddy::spawn(waits(m, 1)).detach();
    co_await settle();
    eddy::spawn(waits(m, 2)).detach();
    co_await settle();
    auto guard = co_await m.lock.acquire();
    eddy::spawn(takes(m, 10)).detach();
    co_await settle();
    m.changed.notify_all();
    eddy::spawn(takes(m, 11)).detach();
    co_await settle();
    CHECK(m.lock_waiters() == 4);
    guard.release();
    CHECK_FALSE(m.lock.try_acquire().has_value());
    co_await settle();
    CHECK(m.order == std::vector<int>({10, 1, 2, 11}));
}

EDDY_TEST_CASE("the wait with a predicate returns what it returned, with no wake for nothing") {
    Monitor m;
    int value = 0;
    int calls = 0;
    auto job = eddy::spawn(
        [](Monitor& monitor, int& number, int& count) -> Task<int> {
            auto guard = co_await monitor.lock.acquire();
            const auto found = co_await monitor.changed.wait(
                guard,
                [](int& current, int& counted) {
                    ++counted;
                    return current > 2 ? std::optional<int>(current) : std::nullopt;
                },
                std::ref(number),
                std::ref(count));
            CHECK(guard.holds(monitor.lock));
            co_return *found;
        },
        std::ref(m),
        std::ref(value),
        std::ref(calls));
    co_await settle();
    CHECK(calls == 1);
    for (int i = 1; i <= 3; ++i) {
        const auto guard = co_await m.lock.acquire();
        value = i;
        m.changed.notify_all();
    }
    const int result = co_await job;
    CHECK(result == 3);
    CHECK(calls == 4);
    auto guard = co_await m.lock.acquire();
    const bool at_once = co_await m.changed.wait(guard, [] { return true; });
    CHECK(at_once);
    CHECK(guard);
}

EDDY_TEST_CASE("a predicate that throws leaves with the lock held") {
    Monitor m;
    auto guard = co_await m.lock.acquire();
    bool thrown = false;
    try {
        co_await m.changed.wait(guard, []() -> bool { throw std::runtime_error("no"); });
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    CHECK(thrown);
    CHECK(guard.holds(m.lock));
}

EDDY_TEST_CASE("a guard of another lock, or one that holds nothing, is an error in any case") {
    Monitor m;
    Lock other;
    auto wrong = co_await other.acquire();
    auto released = co_await m.lock.acquire();
    released.release();
    int refused = 0;
    for (LockGuard* guard : {&wrong, &released}) {
        try {
            co_await m.changed.wait(*guard);
        } catch (const eddy::InvalidState&) {
            ++refused;
        }
        try {
            co_await m.changed.wait(*guard, [] { return true; });
        } catch (const eddy::InvalidState&) {
            ++refused;
        }
    }
    CHECK(refused == 4);
    CHECK(wrong.holds(other));
    CHECK(m.waiters() == 0);
}

EDDY_TEST_CASE("who does not own the lock cannot notify; who adopts the guard can") {
    Monitor m;
    CHECK_THROWS_AS(m.changed.notify_one(), eddy::InvalidState);
    CHECK_THROWS_AS(m.changed.notify_all(), eddy::InvalidState);
    auto guard = co_await m.lock.acquire();
    m.changed.notify_all();
    co_await eddy::spawn(
        [](Monitor& monitor, LockGuard moved) -> Task<> {
            CHECK_THROWS_AS(monitor.changed.notify(0), eddy::InvalidState);
            moved.adopt();
            monitor.changed.notify(0);
            co_return;
        },
        std::ref(m),
        std::move(guard));
}

EDDY_TEST_CASE("whoever has the guard may wait, and owns the lock afterwards") {
    Monitor m;
    auto guard = co_await m.lock.acquire();
    auto job = eddy::spawn(
        [](Monitor& monitor, LockGuard moved) -> Task<eddy::JobId> {
            co_await monitor.changed.wait(moved);
            co_return monitor.lock.statistics().owner;
        },
        std::ref(m),
        std::move(guard));
    co_await settle();
    {
        const auto mine = co_await m.lock.acquire();
        m.changed.notify_one();
    }
    const eddy::JobId owner = co_await job;
    CHECK(owner == job.id());
}

EDDY_TEST_CASE_FIFO("waiting on a condition asks the heap for nothing") {
    Monitor m;
    int passes = 0;
    for (int round = 0; round < 2; ++round) {
        auto first = eddy::spawn(waits_often(m, 20, passes));
        auto second = eddy::spawn(waits_often(m, 20, passes));
        co_await settle();
        const auto before = heap_counters().allocations;
        for (int i = 0; i < 20; ++i) {
            {
                const auto guard = co_await m.lock.acquire();
                m.changed.notify_all();
            }
            co_await settle();
        }
        if (round == 1) {
            CHECK(heap_counters().allocations == before);
        }
        co_await first;
        co_await second;
    }
    CHECK(passes == 80);
}

EDDY_TEST_CASE(
    "a wait for a notification is awaited again: after one, a lost select, a cancellation") {
    Monitor m;
    int notified = 0;
    auto waiter = eddy::spawn([&m, &notified]() -> Task<> {
        auto guard = co_await m.lock.acquire();
        auto wait = m.changed.wait(guard);
        for (int i = 0; i < 2; ++i) {
            co_await wait;
            CHECK(guard.holds(m.lock));
            ++notified;
        }
        const auto lost = co_await eddy::select(eddy::sleep_for(1ms), wait);
        CHECK(lost.index() == 0);
        CHECK(guard.holds(m.lock));
        const bool finished = co_await eddy::move_on_after(1ms, wait);
        CHECK_FALSE(finished);
        CHECK(guard.holds(m.lock));
        co_await wait;
        ++notified;
    });
    while (!waiter.done()) {
        co_await eddy::sleep_for(5ms);
        const auto guard = co_await m.lock.acquire();
        m.changed.notify_one();
    }
    co_await waiter;
    CHECK(notified == 3);
    CHECK(m.changed.statistics().waiters == 0);
}

EDDY_TEST_CASE("a condition refuses other threads") {
    Monitor m;
    const auto guard = co_await m.lock.acquire();
    int refused = 0;
    std::thread([&] {
        const auto expect_refused = [&refused](auto&& call) {
            try {
                call();
            } catch (const eddy::WrongThread&) {
                ++refused;
            }
        };
        expect_refused([&] { m.changed.notify_one(); });
        expect_refused([&] { m.changed.notify(2); });
        expect_refused([&] { m.changed.notify_all(); });
        expect_refused([&] { static_cast<void>(m.changed.statistics()); });
    }).join();
    CHECK(refused == 4);
}

EDDY_ABORT_TEST_CASE("destroying a condition that jobs wait on is a broken contract",
                     "a Condition was destroyed while jobs wait on it") {
    Lock lock;
    auto condition = std::make_unique<Condition>(lock);
    eddy::spawn(
        [](Lock& l, Condition& c) -> Task<> {
            auto guard = co_await l.acquire();
            co_await c.wait(guard);
        },
        std::ref(lock),
        std::ref(*condition))
        .detach();
    co_await settle();
    condition.reset();
}
