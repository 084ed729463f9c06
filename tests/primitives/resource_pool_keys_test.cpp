// SPDX-License-Identifier: MIT
// Resources of several keys, under one limit.
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/detail/frame_pool.hpp>
#include <eddy/resource_pool.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "heap_hooks.hpp"
#include "resource_kit.hpp"

using namespace std::chrono_literals;

namespace {

using eddy::Task;
using eddy::testing::Ledger;
using eddy::testing::settle;
using eddy::testing::Thing;

using Pool = eddy::ResourcePool<Thing, std::string>;
using Lease = Pool::Lease;

Pool::Hooks hooks(Ledger& ledger) {
    return {.make = [&ledger](const std::string&) { return eddy::testing::make_thing(ledger); }};
}

/// Acquires, notes which job it is and what it got, and gives it back after a while.
Task<> use(Pool& pool, std::string key, std::vector<std::string>& order, eddy::Duration time) {
    const Lease lease = co_await pool.acquire(key);
    order.push_back(key + std::to_string(lease->number()));
    co_await eddy::sleep_for(time);
}

}  // namespace

EDDY_TEST_CASE("each key has its own, and a lease knows which it is") {
    Ledger ledger;
    Pool pool(hooks(ledger));
    const std::string long_key = "a key that does not fit into a short string";
    {
        const Lease a = co_await pool.acquire("a");
        const Lease b = co_await pool.acquire(long_key);
        CHECK(a.key() == "a");
        CHECK(b.key() == long_key);
        CHECK(pool.statistics().keys == 2);
    }
    const std::size_t before = eddy::testing::heap_counters().allocations;
    const Lease b = co_await pool.acquire(long_key);
    CHECK((eddy::testing::heap_counters().allocations == before || !EDDY_FRAME_POOL));
    CHECK(b->number() == 2);
    CHECK_FALSE(pool.try_acquire(long_key).has_value());
    CHECK_FALSE(pool.try_acquire("nobody has used this").has_value());
    CHECK(pool.statistics().keys == 2);
    CHECK((*pool.try_acquire("a"))->number() == 1);
}

EDDY_TEST_CASE("make gets the key, which stays as long as what was made for it") {
    struct Named {
        const std::string* name;
    };
    const auto make = [](const std::string& key) -> Task<Named> {
        co_await eddy::yield();
        co_return Named{&key};
    };
    eddy::ResourcePool<Named, std::string> pool({.make = make});
    std::optional<eddy::ResourceLease<Named, std::string>> lease;
    lease = co_await pool.acquire("alice");
    CHECK(*(*lease)->name == "alice");
    CHECK((*lease)->name == &lease->key());
    lease.reset();
    CHECK(pool.statistics().keys == 1);
    co_await eddy::sleep_for(61s);
    co_await settle();
    CHECK(pool.statistics().keys == 0);
}

EDDY_TEST_CASE("at max_total the longest idle one of all goes, to make room for another key") {
    Ledger ledger;
    Pool pool(hooks(ledger), {.max_total = 3});
    for (const char* key : {"a", "b", "c", "a"}) {
        const Lease lease = co_await pool.acquire(key);
    }
    CHECK(pool.statistics().idle == 3);
    const Lease d = co_await pool.acquire("d");
    CHECK(d->number() == 4);
    CHECK(ledger.closed == std::vector<int>{2});  // b
    CHECK(pool.statistics().surplus == 1);
    CHECK(pool.statistics().keys == 3);
    CHECK(ledger.most_alive == 3);
}

EDDY_TEST_CASE("what comes back goes to another key when nobody of its own waits") {
    Ledger ledger;
    Pool pool(hooks(ledger), {.max_total = 1});
    std::vector<std::string> order;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(use(pool, "a", order, 1s));
        co_await settle();
        group.spawn(use(pool, "b", order, 1s));
        co_await settle();
        CHECK(pool.statistics().waiting == 1);
    });
    CHECK(order == std::vector<std::string>({"a1", "b2"}));
    CHECK(ledger.most_alive == 1);
    CHECK(ledger.closed == std::vector<int>{1});
}

EDDY_TEST_CASE("a key at its limit holds up nobody else") {
    Ledger ledger;
    Pool pool(hooks(ledger), {.max_total = 4, .max_per_key = 1});
    std::vector<std::string> order;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(use(pool, "a", order, 1s));
        co_await settle();
        group.spawn(use(pool, "a", order, 1s));
        group.spawn(use(pool, "a", order, 1s));
        co_await settle();
        group.spawn(use(pool, "b", order, 1s));
        co_await settle();
        CHECK(order == std::vector<std::string>({"a1", "b2"}));
        CHECK(pool.statistics().waiting == 2);
    });
    CHECK(order == std::vector<std::string>({"a1", "b2", "a1", "a1"}));
    CHECK(ledger.made == 2);
}

EDDY_TEST_CASE("a broken one of a key at its limit makes room for the next of that key") {
    Ledger ledger;
    Pool pool(hooks(ledger), {.max_total = 4, .max_per_key = 1});
    std::vector<std::string> order;
    std::optional<Lease> held = co_await pool.acquire("a");
    auto job = eddy::spawn(use(pool, "a", order, 0s));
    co_await settle();
    held->discard();
    co_await job;
    CHECK(order == std::vector<std::string>{"a2"});
}

EDDY_TEST_CASE_FIFO("who waits for room is passed over 32 times, and not more") {
    Ledger ledger;
    Pool pool(hooks(ledger), {.max_total = 1});
    std::vector<std::string> order;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(use(pool, "a", order, 1s));
        co_await settle();
        group.spawn(use(pool, "b", order, 1s));
        co_await settle();
        for (int i = 0; i < 40; ++i) {
            group.spawn(use(pool, "a", order, 1s));
            co_await settle();
        }
    });
    REQUIRE(order.size() == 42);
    std::size_t passed = 0;
    while (order[passed + 1] == "a1") {
        ++passed;
    }
    CHECK(passed == 32);
    CHECK(order[33] == "b2");
    CHECK(order.back() == "a3");
    CHECK(ledger.most_alive == 1);
}

EDDY_TEST_CASE_FIFO("room goes to the keys in the order in which their first jobs came") {
    Ledger ledger;
    Pool pool(hooks(ledger), {.max_total = 1});
    std::vector<std::string> order;
    eddy::CancelScope scope;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(use(pool, "x", order, 1s));
        co_await settle();
        group.spawn(with_scope(scope, use(pool, "a", order, 1s)));
        co_await settle();
        for (const char* key : {"b", "c", "a", "d"}) {
            group.spawn(use(pool, key, order, 1s));
            co_await settle();
        }
        scope.cancel();  // a's first: its second comes after c
    });
    CHECK(order == std::vector<std::string>({"x1", "b2", "c3", "a4", "d5"}));
}
