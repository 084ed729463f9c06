// SPDX-License-Identifier: MIT
// Every public function of a resource pool where it does not belong.
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/resource_pool.hpp>
#include <eddy/run.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "resource_kit.hpp"
#include "wrong_thread.hpp"

using namespace eddy::testing;
using eddy::Task;

EDDY_TEST_CASE("a resource pool and its leases are their loop's") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }});
    eddy::ResourcePool<Thing, int> keyed({.make = [&](const int&) { return make_thing(ledger); }});
    Things::Lease lease = co_await pool.acquire();
    check_refused(
        {
            OffLoopCall("statistics", [&] { return pool.statistics(); }),
            OffLoopCall("try_acquire", [&] { return pool.try_acquire(); }),
            OffLoopCall("try_acquire of a key", [&] { return keyed.try_acquire(1); }),
            {"close", [&] { pool.close(); }},
            off_loop_await("acquire", [&] { return pool.acquire(); }),
            off_loop_await("acquire of a key", [&] { return keyed.acquire(1); }),
            off_loop_await("drain", [&] { return pool.drain(); }),
            {"release", [&] { lease.release(); }},
            {"discard", [&] { lease.discard(); }},
        },
        [&] { return std::to_string(pool.statistics().lent) + (lease ? " lent" : ""); });
    CHECK(lease->number() == 1);
    CHECK_FALSE(pool.statistics().closed);
    co_await eddy::checkpoint();
}

EDDY_ABORT_TEST_CASE("a lease that ends on another thread says what to do",
                     "a ResourceLease ended on another thread than its pool's loop") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }});
    std::optional<Things::Lease> lease = co_await pool.acquire();
    on_another_thread([&] { lease.reset(); });
}

EDDY_ABORT_TEST_CASE("so does a pool",
                     "a ResourcePool was destroyed on another thread than its loop's") {
    Ledger ledger;
    auto pool = std::make_unique<Things>(Things::Hooks{.make = [&] { return make_thing(ledger); }});
    const auto lease = co_await pool->acquire();
    on_another_thread([&] { pool.reset(); });
}

TEST_CASE("a lease and a pool may end on another thread when the loop is over") {
    Ledger ledger;
    auto pool = std::make_unique<Things>(Things::Hooks{.make = [&] { return make_thing(ledger); }});
    std::optional<Things::Lease> lease;
    const auto work = [&]() -> Task<> { lease = co_await pool->acquire(); };
    std::thread([&] { eddy::run(work()); }).join();
    CHECK(ledger.alive.size() == 1);
    pool.reset();
    lease.reset();
    CHECK(ledger.alive.empty());
}
