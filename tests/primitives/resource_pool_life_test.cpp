// SPDX-License-Identifier: MIT
// Which resources a pool closes, when, and why: checks, limits of time, broken ones, dropped ones,
// and the end of the loop.
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/event.hpp>
#include <eddy/loop.hpp>
#include <eddy/resource_pool.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

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
using eddy::testing::VirtualClock;

using Lease = Things::Lease;

/// So many idle ones.
Task<> fill(Things& pool, std::size_t count) {
    std::vector<Lease> leases;
    for (std::size_t i = 0; i < count; ++i) {
        leases.push_back(co_await pool.acquire());
    }
}

Task<int> number_of_next(Things& pool) {
    const Lease lease = co_await pool.acquire();
    co_return lease->number();
}

Task<bool> is_good(Thing& thing) {
    co_await eddy::sleep_for(1ms);
    if (thing.uses < 0) {
        throw std::runtime_error("reset by peer");
    }
    if (thing.uses > 100) {
        throw 7;
    }
    co_return !thing.bad;
}

}  // namespace

// --- check and broken --------------------------------------------------------------------------

EDDY_TEST_CASE("a check that says no, or fails, closes it; the next idle one is taken, or made") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }, .check = is_good});
    {
        Lease one = co_await pool.acquire();
        Lease two = co_await pool.acquire();
        Lease three = co_await pool.acquire();
        one->uses = -1;
        two->bad = true;
        three->bad = true;
    }
    CHECK(pool.statistics().idle == 3);
    {
        const Lease lease = co_await pool.acquire();
        CHECK(lease->number() == 4);
        CHECK(ledger.closed.size() == 3);
        CHECK(pool.statistics().broken == 3);
        CHECK(pool.statistics().making == 0);
    }
    const int number = co_await number_of_next(pool);
    CHECK(number == 4);
    CHECK(pool.statistics().reused == 1);
}

EDDY_TEST_CASE("a failed check keeps the turn of the one who asked") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }, .check = is_good}, {.max_total = 1});
    {
        const Lease lease = co_await pool.acquire();
        lease->bad = true;
    }
    std::vector<int> order;
    const auto use = [](Things& used, std::vector<int>& out, int number) -> Task<> {
        const Lease lease = co_await used.acquire();
        out.push_back(number);
    };
    auto first = eddy::spawn(use, std::ref(pool), std::ref(order), 1);
    co_await settle();  // it checks
    auto second = eddy::spawn(use, std::ref(pool), std::ref(order), 2);
    co_await first;
    co_await second;
    CHECK(order == std::vector<int>({1, 2}));
    CHECK(ledger.made == 2);
    CHECK(ledger.most_alive == 1);
}

EDDY_TEST_CASE("a check that throws what is no std::exception closes it, and that comes out") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }, .check = is_good}, {.max_total = 1});
    {
        const Lease lease = co_await pool.acquire();
        lease->uses = 101;
    }
    const std::string how = co_await end_of(pool.acquire());
    CHECK(how == "int");
    CHECK(ledger.alive.empty());
    const int next = co_await number_of_next(pool);
    CHECK(next == 2);
}

EDDY_TEST_CASE("cancelled while it is checked: it is closed, and the next one makes his own") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }, .check = is_good}, {.max_total = 1});
    co_await fill(pool, 1);
    eddy::CancelScope scope;
    auto first = eddy::spawn(with_scope(scope, number_of_next(pool)));
    co_await settle();
    CHECK(pool.statistics().lent == 1);
    auto second = eddy::spawn(number_of_next(pool));
    co_await settle();
    scope.cancel();
    const std::optional<int> cut_off = co_await first;
    CHECK_FALSE(cut_off.has_value());
    const int number = co_await second;
    CHECK(number == 2);
    CHECK(ledger.closed == std::vector<int>{1});
    CHECK(pool.statistics().broken == 1);
}

EDDY_TEST_CASE("closed while it is checked: the one who asked is told, and it is closed") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }, .check = is_good});
    co_await fill(pool, 1);
    auto asking = eddy::spawn(end_of(pool.acquire()));
    co_await settle();
    pool.close();
    CHECK(ledger.closed.empty());
    const std::string how = co_await asking;
    CHECK(how == "closed");
    CHECK(pool.statistics().retired == 1);
}

EDDY_TEST_CASE("only what was idle for longer than check_after is checked, and no hand-over") {
    Ledger ledger;
    int checks = 0;
    const auto check = [&](Thing&) -> Task<bool> {
        ++checks;
        co_return true;
    };
    Things pool({.make = [&] { return make_thing(ledger); }, .check = check},
                {.max_total = 1, .check_after = 10s});
    co_await fill(pool, 1);
    co_await eddy::sleep_for(10s);
    co_await fill(pool, 1);
    CHECK(checks == 0);
    co_await eddy::sleep_for(10s + 1ns);
    CHECK_FALSE(pool.try_acquire().has_value());
    co_await fill(pool, 1);
    CHECK(checks == 1);
    CHECK(pool.try_acquire().has_value());

    Things strict({.make = [&] { return make_thing(ledger); }, .check = check}, {.max_total = 1});
    std::optional<Lease> held = co_await strict.acquire();
    auto waiting = eddy::spawn(number_of_next(strict));
    co_await settle();
    held.reset();
    co_await waiting;
    CHECK(checks == 1);  // it was not idle
    CHECK_FALSE(strict.try_acquire().has_value());
    co_await fill(strict, 1);
    CHECK(checks == 2);
}

EDDY_TEST_CASE("what is broken when it comes back is closed; a hook that throws says so, too") {
    Ledger ledger;
    const auto broken = [](const Thing& thing) {
        if (thing.uses < 0) {
            throw std::runtime_error("cannot tell");
        }
        return thing.bad;
    };
    Things pool({.make = [&] { return make_thing(ledger); }, .broken = broken}, {.max_total = 1});
    {
        const Lease lease = co_await pool.acquire();
        lease->bad = true;
    }
    CHECK(ledger.closed == std::vector<int>{1});
    {
        const Lease lease = co_await pool.acquire();
        lease->uses = -1;
    }
    CHECK(ledger.closed == std::vector<int>({1, 2}));
    co_await fill(pool, 1);
    CHECK(pool.statistics().broken == 2);
    CHECK(pool.statistics().idle == 1);
}

EDDY_TEST_CASE("a resource whose move throws comes to nobody") {
    struct Stubborn {
        explicit Stubborn(int& count) : moves(&count) {}
        Stubborn(Stubborn&& other) : moves(other.moves) {  // NOLINT
            if (--*moves == 0) {
                throw std::runtime_error("does not move");
            }
        }
        int* moves;
    };
    std::string first = "not yet";
    int left = 0;
    while (!first.empty()) {
        int moves = ++left;
        eddy::ResourcePool<Stubborn> pool(
            {.make = [&]() -> Task<Stubborn> { co_return Stubborn(moves); }}, {.max_total = 1});
        first = co_await end_of(pool.acquire());
        CHECK((first.empty() || first == "does not move"));
        CHECK(pool.statistics().idle == (first.empty() ? 1 : 0));
        const std::string second = co_await end_of(pool.acquire());
        CHECK(second.empty());
    }
    CHECK(left > 1);
}

// --- time --------------------------------------------------------------------------------------

EDDY_TEST_CASE("what is idle for too long is closed then, and not before") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }}, {.max_idle_time = 60s});
    co_await fill(pool, 3);
    co_await eddy::sleep_for(30s);
    const int used = co_await number_of_next(pool);
    co_await eddy::sleep_for(30s - 1ns);
    CHECK(ledger.alive.size() == 3);
    co_await eddy::sleep_for(1ns);
    co_await settle();
    CHECK(ledger.alive == std::set<int>{used});
    co_await eddy::sleep_for(30s);
    co_await settle();
    CHECK(ledger.alive.empty());
    CHECK(pool.statistics().idle_too_long == 3);
    CHECK(pool.statistics().keys == 0);
}

EDDY_TEST_CASE("idle resources do not move virtual time") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }});
    co_await fill(pool, 1);
    const eddy::TimePoint before = eddy::now();
    Event event;
    auto waiting =
        eddy::spawn([](Event& waited) -> Task<> { co_await waited.wait(); }, std::ref(event));
    co_await settle();
    event.set();
    co_await waiting;
    CHECK(eddy::now() == before);
    CHECK(eddy::Loop::current().statistics().deadlines == 0);
    CHECK(pool.statistics().idle == 1);
}

EDDY_TEST_CASE("an idle time of nothing, and no idle ones at all, keep nothing") {
    Ledger ledger;
    Things short_lived({.make = [&] { return make_thing(ledger); }}, {.max_idle_time = 0ns});
    co_await fill(short_lived, 2);
    CHECK_FALSE(short_lived.try_acquire().has_value());
    co_await settle();
    CHECK(ledger.alive.empty());
    Things none({.make = [&] { return make_thing(ledger); }}, {.max_idle = 0});
    co_await fill(none, 2);
    CHECK(ledger.alive.empty());
    CHECK(none.statistics().surplus == 2);
}

EDDY_TEST_CASE("more idle ones than max_idle: the longest idle one is closed") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }}, {.max_idle = 2});
    co_await fill(pool, 4);  // come back in order
    CHECK(ledger.closed == std::vector<int>({1, 2}));
    CHECK(pool.statistics().surplus == 2);
    const int newest = co_await number_of_next(pool);
    CHECK(newest == 4);
}

EDDY_TEST_CASE("lifetimes end when it comes back or while it is idle, each at a time of its own") {
    Ledger ledger;
    const ResourcePoolOptions options{.max_idle_time = eddy::Duration::max(), .max_lifetime = 100s};
    Things pool({.make = [&] { return make_thing(ledger); }}, options);
    co_await fill(pool, 16);
    co_await eddy::sleep_for(90s - 1ns);
    CHECK(ledger.alive.size() == 16);
    co_await eddy::sleep_for(5s);
    co_await settle();
    const std::size_t half_way = ledger.alive.size();
    CHECK(half_way > 0);
    CHECK(half_way < 16);
    Lease lease = co_await pool.acquire();
    co_await eddy::sleep_for(6s);
    co_await settle();
    CHECK(ledger.alive == std::set<int>{lease->number()});  // lent: nobody disturbs it
    lease.release();
    CHECK(ledger.alive.empty());
    CHECK(pool.statistics().expired == 16);

    Ledger again;
    Things same({.make = [&] { return make_thing(again); }}, options);
    co_await fill(same, 16);
    co_await eddy::sleep_for(95s - 1ns);
    co_await settle();
    CHECK(again.closed ==
          std::vector<int>(ledger.closed.begin(),
                           ledger.closed.begin() + static_cast<int>(again.closed.size())));
}

EDDY_TEST_CASE("one that is over is not lent, though nobody has looked yet") {
    Ledger ledger;
    VirtualClock& clock = eddy::testing::test_clock();
    Things pool({.make = [&] { return make_thing(ledger); }}, {.max_idle_time = 10s});
    co_await fill(pool, 2);
    eddy::call_later(0ns, [&] {  // the loop looked before this
        clock.advance(20s);
        CHECK_FALSE(pool.try_acquire().has_value());
        CHECK(ledger.alive.empty());
    });
    co_await eddy::sleep_for(1ns);
    CHECK(pool.statistics().idle_too_long == 2);
}

// --- dropped -----------------------------------------------------------------------------------

EDDY_TEST_CASE("under OnDrop::close only a released one comes back") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }}, {.on_drop = OnDrop::close});
    Lease lease = co_await pool.acquire();
    lease.release();
    CHECK(pool.statistics().idle == 1);
    const auto use = [](Things& used) -> Task<> {
        const Lease mine = co_await used.acquire();
        co_await eddy::sleep_forever();
    };
    co_await eddy::move_on_after(1s, use(pool));
    CHECK(ledger.alive.empty());
    CHECK(pool.statistics().dropped == 1);
    const auto fail = [](Things& used) -> Task<> {
        const Lease mine = co_await used.acquire();
        throw std::runtime_error("failed");
    };
    const auto end = [](Task<> task) -> Task<bool> {
        try {
            co_await std::move(task);
        } catch (const std::runtime_error&) {
            co_return true;
        }
        co_return false;
    };
    const bool failed = co_await end(fail(pool));
    CHECK(failed);
    CHECK(pool.statistics().dropped == 2);
    CHECK(pool.statistics().idle == 0);
}

EDDY_TEST_CASE("under OnDrop::give_back a cancelled job's comes back") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }});
    const auto use = [](Things& used) -> Task<> {
        const Lease mine = co_await used.acquire();
        co_await eddy::sleep_forever();
    };
    co_await eddy::move_on_after(1s, use(pool));
    CHECK(pool.statistics().idle == 1);
}

// --- the end of the loop -----------------------------------------------------------------------

TEST_CASE("idle resources are closed when the loop ends, lent ones when they come back") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }});
    std::optional<Lease> lease;
    std::optional<Lease> other;
    VirtualClock clock;
    const auto work = [&]() -> Task<> {
        co_await fill(pool, 4);
        lease = co_await pool.acquire();
        other = co_await pool.acquire();
    };
    {
        eddy::Loop loop({.clock = &clock});
        loop.run(work());
    }
    CHECK(ledger.alive.size() == 2);
    CHECK(pool.statistics().retired == 2);
    lease.reset();
    CHECK(ledger.alive.size() == 1);

    // On the next loop it begins anew; what comes from the last one is not lent there.
    const int number = (*other)->number();
    const auto again = [&]() -> Task<> {
        const int next = co_await number_of_next(pool);
        CHECK(next == 5);
        other.reset();
        CHECK_FALSE(ledger.alive.contains(number));
        CHECK(pool.statistics().idle == 1);
        co_await pool.drain();
    };
    eddy::Loop loop({.clock = &clock});
    loop.run(again());
    CHECK(ledger.alive.empty());
}

TEST_CASE("a pool and leases that are a stopped job's end with it") {
    Ledger ledger;
    VirtualClock clock;
    const auto stubborn = [&]() -> Task<> {
        Things pool({.make = [&] { return make_thing(ledger); }}, {.max_total = 2});
        co_await fill(pool, 2);
        const Lease one = co_await pool.acquire();
        const Lease two = co_await pool.acquire();
        auto waiting = eddy::spawn(number_of_next(pool));
        co_await eddy::shield(eddy::sleep_forever());
    };
    const auto begin = [&]() -> Task<> {
        eddy::spawn(stubborn).detach();
        co_await eddy::sleep_for(1s);
    };
    eddy::Loop loop({.clock = &clock});
    loop.run(begin(), {.grace = 1ms});
    CHECK(ledger.alive.empty());
    CHECK(loop.statistics().jobs_alive == 0);
}
