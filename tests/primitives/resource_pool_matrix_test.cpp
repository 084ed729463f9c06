// SPDX-License-Identifier: MIT
// What happens to the waits of a resource pool in every phase, and to its hooks at every
// checkpoint.
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include <eddy/resource_pool.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/yield.hpp>

#include "resource_kit.hpp"

using namespace std::chrono_literals;

namespace {

using eddy::Task;
using eddy::testing::Ledger;
using eddy::testing::make_thing;
using eddy::testing::Thing;
using eddy::testing::Things;
using eddy::testing::VirtualClock;

/// It waits for the one that is lent.
struct AcquireFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit AcquireFixture(VirtualClock&) {}
    Task<> prepare() { held = co_await pool.acquire(); }
    Task<> wait() { const auto lease = co_await pool.acquire(); }
    Task<> wait_again() { co_await wait(); }
    void complete() { held.reset(); }
    bool intact() const {
        const auto all = pool.statistics();
        return all.waiting == 0 && all.making == 0 && all.lent == (held ? 1U : 0U) &&
               ledger.alive.size() == all.lent + all.idle && ledger.most_alive <= 1;
    }

    Ledger ledger;
    Things pool{{.make = [this] { return make_thing(ledger); }}, {.max_total = 1}};
    std::optional<Things::Lease> held;
};

/// It waits for the room that a broken one leaves.
struct RoomFixture : AcquireFixture {
    using AcquireFixture::AcquireFixture;
    void complete() {
        if (held) {
            held->discard();
            held.reset();
        }
    }
};

/// Room of another key.
struct OtherKeyFixture {
    using Pool = eddy::ResourcePool<Thing, int>;
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit OtherKeyFixture(VirtualClock&) {}
    Task<> prepare() { held = co_await pool.acquire(1); }
    Task<> wait() { const auto lease = co_await pool.acquire(2); }
    Task<> wait_again() { co_await wait(); }
    void complete() { held.reset(); }
    bool intact() const {
        const auto all = pool.statistics();
        return all.waiting == 0 && all.making == 0 && all.lent == (held ? 1U : 0U) &&
               ledger.alive.size() == all.lent + all.idle && ledger.most_alive <= 1;
    }

    Ledger ledger;
    Pool pool{{.make = [this](const int&) { return make_thing(ledger); }}, {.max_total = 1}};
    std::optional<Pool::Lease> held;
};

struct DrainFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit DrainFixture(VirtualClock&) {}
    Task<> prepare() { held = co_await pool.acquire(); }
    auto operation() { return pool.drain(); }
    Task<> wait() { co_await pool.drain(); }
    Task<> wait_again() { co_await wait(); }
    void complete() { held.reset(); }
    bool intact() const { return held || !pool.statistics().closed || ledger.alive.empty(); }

    Ledger ledger;
    Things pool{{.make = [this] { return make_thing(ledger); }}};
    std::optional<Things::Lease> held;
};

Task<Thing> make_slowly(Ledger& ledger) {
    co_await eddy::sleep_for(1ms);
    Thing made(ledger);
    co_await eddy::yield();
    co_return made;
}

Task<bool> check_slowly(Thing& thing) {
    co_await eddy::sleep_for(1ms);
    co_return thing.uses % 3 != 2;
}

Task<> use_often(Things& pool, int times) {
    for (int i = 0; i < times; ++i) {
        const auto lease = co_await pool.acquire();
        ++lease->uses;
        co_await eddy::yield();
    }
}

/// Three jobs, two places; makes, checks that say yes and no, hand-overs, and a drain.
Task<> scenario(Ledger& ledger, eddy::OnDrop on_drop) {
    ledger = Ledger();
    Things pool({.make = [&] { return make_slowly(ledger); }, .check = check_slowly},
                {.max_total = 2, .on_drop = on_drop});
    const auto check = [&] {
        const auto all = pool.statistics();
        CHECK(all.lent == 0);
        CHECK(all.making == 0);
        CHECK(all.waiting == 0);
        CHECK(ledger.alive.size() == all.idle);
    };
    struct AtEnd {
        const decltype(check)& fn;
        ~AtEnd() { fn(); }
    } const at_end{check};
    co_await eddy::with_task_group([&pool](eddy::TaskGroup& group) -> Task<> {
        group.spawn(use_often(pool, 3));
        group.spawn(use_often(pool, 3));
        group.spawn(use_often(pool, 3));
        co_return;
    });
    check();
    co_await pool.drain();
}

}  // namespace

EDDY_WAIT_MATRIX("ResourcePool::acquire", AcquireFixture)
EDDY_WAIT_MATRIX("ResourcePool::acquire of room", RoomFixture)
EDDY_WAIT_MATRIX("ResourcePool::acquire of another key's room", OtherKeyFixture)
EDDY_WAIT_MATRIX("ResourcePool::drain", DrainFixture)

TEST_CASE("a pool whose users are cancelled at each checkpoint loses no resource and no room") {
    for (const eddy::OnDrop on_drop : {eddy::OnDrop::give_back, eddy::OnDrop::close}) {
        Ledger ledger;
        const auto count = eddy::testing::cancel_at_each_checkpoint(
            [&] { return scenario(ledger, on_drop); },
            [&] {
                CHECK(ledger.alive.empty());
                CHECK(ledger.closed.size() == static_cast<std::size_t>(ledger.made));
                CHECK(ledger.most_alive <= 2);
            });
        CHECK(count > 20);
    }
}
