// SPDX-License-Identifier: MIT
// A Condition's wait with a predicate as one of several: it happens or it does not, a notification
// that it does not use goes on, and the guard has the lock either way.
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/condition.hpp>
#include <eddy/current_job.hpp>
#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::Condition;
using eddy::Lock;
using eddy::LockGuard;
using eddy::select;
using eddy::sleep_for;
using eddy::Task;
using eddy::testing::settle;

struct Stock {
    Lock lock;
    Condition changed{lock};
    eddy::Event closing;
    eddy::Event closing_late;
    int items = 0;
    int calls = 0;
};

/// How many it saw when there were enough; -1 if the shop closed first.
Task<int> wants(Stock& stock, int wanted, eddy::Event& closing) {
    auto guard = co_await stock.lock.acquire();
    const auto got = co_await select(closing.wait(), stock.changed.wait(guard, [&stock, wanted] {
        ++stock.calls;
        return stock.items >= wanted ? stock.items : 0;
    }));
    CHECK(guard.holds(stock.lock));
    if (got.index() == 0) {
        co_return -1;
    }
    stock.items -= wanted;
    co_return std::get<1>(got);
}

Task<> bring(Stock& stock, int items) {
    const auto guard = co_await stock.lock.acquire();
    stock.items += items;
    stock.changed.notify_one();
}

}  // namespace

EDDY_TEST_CASE("a wait with a predicate is selected, and gives what the predicate returned") {
    Stock stock;
    auto job = eddy::spawn(wants(stock, 3, stock.closing));
    co_await settle();
    co_await bring(stock, 2);
    co_await settle();
    CHECK_FALSE(job.done());
    CHECK(stock.changed.statistics().waiters == 1);
    co_await bring(stock, 2);
    const int seen = co_await job;
    CHECK(seen == 4);
    CHECK(stock.items == 1);
    CHECK_FALSE(stock.lock.locked());
    auto guard = co_await stock.lock.acquire();
    const auto at_once = co_await select(
        stock.changed.wait(guard, [&stock] { return stock.items == 1; }), sleep_for(1s));
    CHECK(at_once.index() == 0);
    const auto timed = co_await select(
        sleep_for(1s), stock.changed.wait(guard, [&stock] { return stock.items == 9; }));
    CHECK(timed.index() == 0);
    CHECK(guard.holds(stock.lock));
}

EDDY_TEST_CASE("a notification that came for the loser of a select goes to the next") {
    for (const bool granted : {false, true}) {
        CAPTURE(granted);
        Stock stock;
        auto loser = eddy::spawn(wants(stock, 1, stock.closing));
        co_await settle();
        auto next = eddy::spawn(wants(stock, 1, stock.closing_late));
        co_await settle();
        {
            auto guard = co_await stock.lock.acquire();
            stock.items = 1;
            stock.changed.notify_one();
            if (granted) {
                guard.release();  // the first has the lock, and has not looked
            }
            stock.closing.set();
        }
        const int first = co_await loser;
        CHECK(first == -1);
        const int second = co_await next;
        CHECK(second == 1);
        CHECK_FALSE(stock.lock.locked());
        CHECK(stock.changed.statistics().waiters == 0);
    }
}

EDDY_TEST_CASE("notified, then cancelled: it succeeds if the predicate is true, else it throws") {
    for (const bool enough : {false, true}) {
        for (const bool held : {false, true}) {
            CAPTURE(enough);
            CAPTURE(held);
            Stock stock;
            eddy::CancelScope scope;
            std::optional<bool> result;
            bool owned = false;
            auto job = eddy::spawn([&]() -> Task<> {
                auto guard = co_await stock.lock.acquire();
                const auto enough_now = [&stock] { return stock.items >= 1; };
                try {
                    const auto got =
                        co_await eddy::with_scope(scope, stock.changed.wait(guard, enough_now));
                    result = got.has_value();
                } catch (...) {
                    CHECK(false);
                    throw;
                }
                owned = guard.holds(stock.lock);
            });
            co_await settle();
            {
                auto guard = co_await stock.lock.acquire();
                stock.items = enough ? 1 : 0;
                stock.changed.notify_one();
                if (!held) {
                    guard.release();
                }
                scope.cancel();
                co_await settle();
                CHECK(job.done() == !held);
            }
            co_await job;
            CHECK(result == enough);
            CHECK(owned);
            CHECK_FALSE(stock.lock.locked());
        }
    }
}

EDDY_TEST_CASE("the predicate is called for the job that waits") {
    Stock stock;
    eddy::JobId waiting = 0;
    eddy::JobId called_for = 0;
    auto job = eddy::spawn([&]() -> Task<> {
        waiting = eddy::current_job().id;
        auto guard = co_await stock.lock.acquire();
        const auto predicate = [&] {
            called_for = eddy::current_job().id;
            stock.changed.notify_all();  // whoever owns the lock may
            return stock.items > 0;
        };
        co_await stock.changed.wait(guard, predicate);
    });
    co_await settle();
    CHECK(called_for == waiting);
    called_for = 0;
    co_await bring(stock, 1);
    co_await job;
    CHECK(called_for == waiting);
}

EDDY_TEST_CASE("a predicate that throws after a notification leaves with the lock held") {
    Stock stock;
    std::string text;
    bool owned = false;
    auto job = eddy::spawn([&]() -> Task<> {
        auto guard = co_await stock.lock.acquire();
        const auto predicate = [&stock] {
            if (stock.items > 0) {
                throw std::runtime_error("sold out");
            }
            return false;
        };
        try {
            co_await stock.changed.wait(guard, predicate);
        } catch (const std::runtime_error& error) {
            text = error.what();
        }
        owned = guard.holds(stock.lock);
    });
    co_await settle();
    co_await bring(stock, 1);
    co_await job;
    CHECK(text == "sold out");
    CHECK(owned);
}

EDDY_TEST_CASE(
    "a wait with a predicate is awaited again, after its end, a select and a cancellation") {
    Stock stock;
    auto guard = co_await stock.lock.acquire();
    auto wait = stock.changed.wait(guard, [&stock] { return stock.items > 0; });
    for (int i = 0; i < 2; ++i) {
        const auto lost = co_await select(wait, sleep_for(1ms));
        CHECK(lost.index() == 1);
        CHECK(guard.holds(stock.lock));
        const auto none = co_await eddy::move_on_after(1ms, wait);
        CHECK_FALSE(none.has_value());
        CHECK(guard.holds(stock.lock));
        auto bringing = eddy::spawn(bring(stock, 1));
        const bool there = co_await wait;
        CHECK(there);
        CHECK(guard.holds(stock.lock));
        co_await bringing;
        const bool still = co_await wait;
        CHECK(still);
        stock.items = 0;
    }
}

TEST_CASE("cancelled at any checkpoint, a wait with a predicate has the lock, and loses nothing") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        Stock stock;
        auto first = eddy::spawn(wants(stock, 1, stock.closing));
        auto second = eddy::spawn(wants(stock, 1, stock.closing));
        co_await eddy::shield([](Stock& shop) -> Task<> {
            co_await settle();
            co_await bring(shop, 1);
            co_await bring(shop, 1);
        }(stock));
        const auto end = [](eddy::JoinHandle<int>& job) -> Task<> {
            co_await eddy::shield(
                [](eddy::JoinHandle<int>& ending) -> Task<> { co_await ending.wait(); }(job));
        };
        co_await end(first);
        co_await end(second);
        CHECK_FALSE(stock.lock.locked());
        CHECK(stock.items == 0);
    });
    CHECK(count > 3);
}

// A predicate that ends the very wait it belongs to.

namespace {

Task<> waits_within(Lock& lock, Condition& condition, eddy::CancelScope& scope, bool& ended) {
    const auto body = [](Lock& held, Condition& waits, eddy::CancelScope& own) -> Task<> {
        auto guard = co_await held.acquire();
        co_await waits.wait(guard, [&own, first = true]() mutable {
            if (!std::exchange(first, false)) {
                own.cancel("broken");
            }
            return false;
        });
    };
    const bool whole = co_await eddy::with_scope(scope, body(lock, condition, scope));
    ended = !whole;
}

}  // namespace

EDDY_TEST_CASE(
    "a predicate that cancels its own job's scope ends the wait, with the lock given up") {
    Lock lock;
    Condition condition(lock);
    eddy::CancelScope scope;
    bool ended = false;
    auto job = eddy::spawn(
        waits_within, std::ref(lock), std::ref(condition), std::ref(scope), std::ref(ended));
    co_await settle();
    {
        auto guard = co_await lock.acquire();
        condition.notify_all();
    }
    co_await job;
    CHECK(ended);
    const auto guard = co_await eddy::fail_after(1s, lock.acquire());
    static_cast<void>(guard);
}

EDDY_TEST_CASE("a predicate that makes another operation of its select possible loses to it") {
    Lock lock;
    Condition condition(lock);
    eddy::Event stop;
    bool broken = false;
    auto job = eddy::spawn(
        [](Lock& held, Condition& waits, eddy::Event& stops, const bool& is_broken) -> Task<> {
            auto guard = co_await held.acquire();
            const auto got = co_await select(stops.wait(), waits.wait(guard, [&] {
                if (is_broken) {
                    stops.set();
                }
                return false;
            }));
            CHECK(got.index() == 0);
        },
        std::ref(lock),
        std::ref(condition),
        std::ref(stop),
        std::cref(broken));
    co_await settle();
    {
        auto guard = co_await lock.acquire();
        broken = true;
        condition.notify_all();
    }
    co_await job;
    const auto guard = co_await eddy::fail_after(1s, lock.acquire());
    static_cast<void>(guard);
}
