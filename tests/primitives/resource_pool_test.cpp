// SPDX-License-Identifier: MIT
#include <eddy/resource_pool.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/detail/frame_pool.hpp>
#include <eddy/event.hpp>
#include <eddy/race.hpp>
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

using eddy::Event;
using eddy::OnDrop;
using eddy::ResourcePoolOptions;
using eddy::Task;
using eddy::testing::end_of;
using eddy::testing::Ledger;
using eddy::testing::make_thing;
using eddy::testing::settle;
using eddy::testing::Thing;
using eddy::testing::Things;

using Lease = Things::Lease;

/// Acquires, notes its number, and keeps the lease until the door opens.
Task<> use(Things& pool, std::vector<int>& order, int number, Event& door) {
    const Lease lease = co_await pool.acquire();
    order.push_back(number);
    co_await door.wait();
}

Task<> hold_for(Things& pool, eddy::Duration time) {
    const Lease lease = co_await pool.acquire();
    co_await eddy::sleep_for(time);
}

}  // namespace

EDDY_TEST_CASE("what comes back is lent again, the one used last first, and stays where it is") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }});
    const Thing* second_place = nullptr;
    {
        const Lease first = co_await pool.acquire();
        Lease second = co_await pool.acquire();
        CHECK(first->number() == 1);
        CHECK((*second).number() == 2);
        second_place = &*second;
        CHECK(pool.statistics().lent == 2);
        second->uses = 7;
        const Lease moved = std::move(second);
        CHECK(&*moved == second_place);
        CHECK_FALSE(static_cast<bool>(second));
        CHECK(static_cast<bool>(moved));
    }
    CHECK(pool.statistics().idle == 2);
    {
        const Lease first = co_await pool.acquire();  // the one that ended first was used first
        CHECK(first->number() == 1);
        const Lease second = co_await pool.acquire();
        CHECK(&*second == second_place);
        CHECK(second->uses == 7);
    }
    const auto all = pool.statistics();
    CHECK(all.made == 2);
    CHECK(all.acquired == 4);
    CHECK(all.reused == 2);
    CHECK(ledger.closed.empty());
}

EDDY_TEST_CASE_FIFO("at max_total jobs wait, first come, first served, and nobody overtakes") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }}, {.max_total = 2});
    std::vector<int> order;
    Event door;
    Event late_door;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        for (int i = 0; i < 5; ++i) {
            group.spawn(use(pool, order, i, i < 2 ? door : late_door));
            co_await settle();
        }
        CHECK(order == std::vector<int>({0, 1}));
        CHECK(pool.statistics().waiting == 3);
        door.set();
        co_await eddy::yield();  // both end, and their resources are 2's and 3's
        CHECK(pool.statistics().lent == 2);
        CHECK(pool.statistics().waiting == 1);
        CHECK_FALSE(pool.try_acquire().has_value());
        co_await settle();
        CHECK(order == std::vector<int>({0, 1, 2, 3}));
        late_door.set();
    });
    CHECK(order == std::vector<int>({0, 1, 2, 3, 4}));
    CHECK(ledger.made == 2);
    CHECK(pool.statistics().idle == 2);
}

EDDY_TEST_CASE("a lease is released early, discarded, assigned, and says when it is empty") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }});
    Lease lease = co_await pool.acquire();
    lease.release();
    CHECK(pool.statistics().idle == 1);
    CHECK_THROWS_AS(lease.release(), eddy::InvalidState);
    CHECK_THROWS_AS(lease.discard(), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(*lease), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(lease->number()), eddy::InvalidState);
    lease = co_await pool.acquire();
    CHECK(lease->number() == 1);
    Lease other = co_await pool.acquire();
    CHECK(other->number() == 2);
    lease = std::move(other);  // 1 goes back first
    CHECK(lease->number() == 2);
    CHECK(pool.statistics().idle == 1);
    lease.discard();
    CHECK(ledger.closed == std::vector<int>{2});
    CHECK(pool.statistics().broken == 1);
    CHECK(pool.statistics().lent == 0);
}

EDDY_TEST_CASE("a failing make hurts the one who asked, and the next one tries himself") {
    Ledger ledger;
    int tries = 0;
    const auto make = [&]() -> Task<Thing> {
        co_await eddy::sleep_for(1s);
        if (++tries == 1) {
            throw std::runtime_error("refused");
        }
        co_return Thing(ledger);
    };
    Things pool({.make = make}, {.max_total = 1});
    auto first = eddy::spawn(end_of(pool.acquire()));
    co_await settle();
    CHECK(pool.statistics().making == 1);
    auto second = eddy::spawn(end_of(pool.acquire()));
    const std::string how_first = co_await first;
    const std::string how_second = co_await second;
    CHECK(how_first == "refused");
    CHECK(how_second.empty());
    CHECK(pool.statistics().failed == 1);
    CHECK(pool.statistics().made == 1);
    CHECK(pool.statistics().making == 0);
    CHECK(pool.statistics().idle == 1);
}

EDDY_TEST_CASE("cancelled while it is made: the room is the next one's") {
    Ledger ledger;
    int begun = 0;
    bool cut_off = false;
    const auto make = [&]() -> Task<Thing> {
        if (++begun == 1) {
            try {
                co_await eddy::sleep_forever();
            } catch (const eddy::Cancelled&) {
                cut_off = true;
                throw;
            }
        }
        co_return Thing(ledger);
    };
    Things pool({.make = make}, {.max_total = 1});
    eddy::CancelScope scope;
    auto first = eddy::spawn(with_scope(scope, hold_for(pool, 1s)));
    co_await settle();
    auto second = eddy::spawn(hold_for(pool, 1s));
    co_await settle();
    CHECK(pool.statistics().waiting == 1);
    scope.cancel();
    co_await first;
    CHECK(cut_off);
    CHECK(pool.statistics().failed == 0);
    co_await second;
    CHECK(ledger.made == 1);
    CHECK(pool.statistics().idle == 1);
}

EDDY_TEST_CASE("cancelled when it was granted already: it succeeds, and drops it") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }}, {.max_total = 1});
    std::optional<Lease> held = co_await pool.acquire();
    eddy::CancelScope scope;
    std::vector<int> order;
    Event door;
    auto job = eddy::spawn(with_scope(scope, use(pool, order, 1, door)));
    co_await settle();
    held.reset();
    scope.cancel();
    CHECK(pool.statistics().lent == 1);
    co_await job;
    CHECK(order == std::vector<int>{1});
    CHECK(scope.cancelled_caught());
    CHECK(pool.statistics().idle == 1);
}

EDDY_TEST_CASE("acquire takes part in races and timeouts, and what loses leaves nothing behind") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }}, {.max_total = 1});
    const Lease held = co_await pool.acquire();
    bool timed_out = false;
    try {
        const Lease lease = co_await eddy::fail_after(1s, pool.acquire());
    } catch (const eddy::TimedOut&) {
        timed_out = true;
    }
    CHECK(timed_out);
    const auto slow = [](Event& event) -> Task<Lease> {
        co_await event.wait();
        throw std::runtime_error("never");
    };
    Event event;
    Things other({.make = [&] { return make_thing(ledger); }});
    const Lease won = co_await eddy::race(pool.acquire(), slow(event), other.acquire());
    CHECK(won->number() == 2);
    CHECK(pool.statistics().waiting == 0);
    CHECK(pool.statistics().lent == 1);
}

EDDY_TEST_CASE("a task of acquire that is never awaited takes nothing, and may outlive the pool") {
    Ledger ledger;
    std::optional<Task<Lease>> task;
    {
        Things pool({.make = [&] { return make_thing(ledger); }});
        task = pool.acquire();
        CHECK(pool.statistics().lent == 0);
        CHECK(ledger.made == 0);
    }
    const std::string how = co_await end_of(std::move(*task));
    CHECK(how == "closed");
}

// --- close, drain, the end ---------------------------------------------------------------------

EDDY_TEST_CASE("close: idle ones are closed now, lent ones later, who waits is told") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }}, {.max_total = 2});
    {
        const Lease one = co_await pool.acquire();
        const Lease two = co_await pool.acquire();
    }
    std::optional<Lease> lent = co_await pool.acquire();
    const int number = (*lent)->number();
    pool.close();
    CHECK(ledger.closed == std::vector<int>{3 - number});
    CHECK(pool.statistics().closed);
    const std::string how = co_await end_of(pool.acquire());
    CHECK(how == "closed");
    CHECK_THROWS_AS(static_cast<void>(pool.try_acquire()), eddy::ClosedResource);
    CHECK((*lent)->number() == number);
    lent.reset();
    CHECK(ledger.alive.empty());
    CHECK(pool.statistics().retired == 2);
    pool.close();  // once more
}

EDDY_TEST_CASE("close while jobs wait and one is being made") {
    Ledger ledger;
    const auto make = [&]() -> Task<Thing> {
        co_await eddy::sleep_for(1s);
        co_return Thing(ledger);
    };
    Things pool({.make = make}, {.max_total = 1});
    auto making = eddy::spawn(end_of(pool.acquire()));
    co_await settle();
    auto waiting = eddy::spawn(end_of(pool.acquire()));
    co_await settle();
    auto drain =
        eddy::spawn([](Things& drained) -> Task<> { co_await drained.drain(); }, std::ref(pool));
    co_await settle();
    CHECK(waiting.done());
    CHECK_FALSE(making.done());
    CHECK_FALSE(drain.done());
    const std::string how_making = co_await making;
    const std::string how_waiting = co_await waiting;
    co_await drain;
    CHECK(how_making == "closed");
    CHECK(how_waiting == "closed");
    CHECK(ledger.closed == std::vector<int>{1});
    CHECK(pool.statistics().retired == 1);
}

EDDY_TEST_CASE("drain ends when the last lease has") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }});
    auto job = eddy::spawn(hold_for(pool, 1s));
    auto longer = eddy::spawn(hold_for(pool, 2s));
    co_await settle();
    const bool in_time =
        co_await eddy::move_on_after(1500ms, [&]() -> Task<> { co_await pool.drain(); });
    CHECK_FALSE(in_time);
    CHECK(pool.statistics().closed);
    CHECK(pool.statistics().lent == 1);
    co_await pool.drain();
    CHECK(ledger.alive.empty());
    co_await job;
    co_await longer;
    co_await pool.drain();  // at once
}

EDDY_TEST_CASE("leases outlive their pool, and close what they have") {
    Ledger ledger;
    std::optional<Lease> lease;
    std::optional<Lease> released;
    std::optional<Lease> broken;
    {
        Things pool({.make = [&] { return make_thing(ledger); }});
        lease = co_await pool.acquire();
        released = co_await pool.acquire();
        broken = co_await pool.acquire();
        auto waits = co_await pool.acquire();
        waits.release();
    }
    CHECK(ledger.closed == std::vector<int>{4});
    CHECK((*lease)->number() == 1);
    released->release();
    broken->discard();
    CHECK(ledger.closed == std::vector<int>({4, 2, 3}));
    lease.reset();
    CHECK(ledger.alive.empty());
}

EDDY_TEST_CASE("a pool that ends tells those who wait") {
    Ledger ledger;
    auto pool = std::make_unique<Things>(Things::Hooks{.make = [&] { return make_thing(ledger); }},
                                         ResourcePoolOptions{.max_total = 1});
    const Lease held = co_await pool->acquire();
    auto waiting = eddy::spawn(end_of(pool->acquire()));
    co_await settle();
    pool.reset();
    const std::string how = co_await waiting;
    CHECK(how == "closed");
    CHECK(held->number() == 1);
}

// --- what it refuses, what it costs ------------------------------------------------------------

TEST_CASE("a pool without a make, or with limits that make no sense, is refused") {
    Ledger ledger;
    const auto make = [&] { return make_thing(ledger); };
    const auto refuses = [&](ResourcePoolOptions options) {
        CHECK_THROWS_AS(Things({.make = make}, options), std::invalid_argument);
    };
    CHECK_THROWS_AS(Things(Things::Hooks{}), std::invalid_argument);
    CHECK_THROWS_AS(Things({.make = std::function<Task<Thing>()>()}), std::invalid_argument);
    refuses({.max_total = 0});
    refuses({.max_total = -1});
    refuses({.max_per_key = 0});
    refuses({.max_idle = -1});
    refuses({.max_idle_time = -1ns});
    refuses({.max_lifetime = -1ns});
    refuses({.check_after = -1ns});
    CHECK_NOTHROW(Things({.make = make}, {.max_idle = 0, .max_idle_time = 0ns}));
}

#if EDDY_HEAP_HOOKS && EDDY_FRAME_POOL

EDDY_TEST_CASE_FIFO("to lend and take back an idle one, or to wait for one, allocates nothing") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }}, {.max_total = 1});
    std::size_t before = 0;
    for (int i = 0; i < 3; ++i) {  // the first ones warm up
        before = i < 2 ? eddy::testing::heap_counters().allocations : before;
        const Lease lease = co_await pool.acquire();
        CHECK(lease->number() == 1);
    }
    CHECK(eddy::testing::heap_counters().allocations == before);
    const auto rounds = [](Things& contended, int count) -> Task<> {
        for (int i = 0; i < count; ++i) {
            const Lease lease = co_await contended.acquire();
            co_await eddy::yield();
        }
    };
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(rounds(pool, 20));
        group.spawn(rounds(pool, 20));
        for (int i = 0; i < 10; ++i) {
            co_await eddy::yield();
        }
        before = eddy::testing::heap_counters().allocations;
        for (int i = 0; i < 10; ++i) {
            co_await eddy::yield();
        }
        CHECK(eddy::testing::heap_counters().allocations == before);
    });
    CHECK(ledger.made == 1);
}

#endif
