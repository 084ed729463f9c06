// SPDX-License-Identifier: MIT
// What the ends of resources may do to their pool, and to those who wait.
#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/clock.hpp>
#include <eddy/event.hpp>
#include <eddy/loop.hpp>
#include <eddy/queue.hpp>
#include <eddy/resource_pool.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>

#include "resource_kit.hpp"

using namespace std::chrono_literals;

namespace {

using eddy::Event;
using eddy::Queue;
using eddy::ResourcePoolOptions;
using eddy::Task;
using eddy::TimePoint;
using eddy::testing::Ledger;
using eddy::testing::make_thing;
using eddy::testing::settle;
using eddy::testing::Things;

/// Calls something at its end.
struct Owner {
    explicit Owner(std::function<void()> at_end)
        : fn(std::make_unique<std::function<void()>>(std::move(at_end))) {}
    Owner(Owner&&) = default;
    Owner& operator=(Owner&&) = delete;
    ~Owner() {
        if (fn) {
            (*fn)();
        }
    }
    std::unique_ptr<std::function<void()>> fn;
};
using Owners = eddy::ResourcePool<Owner>;

Owners::Hooks owners_that(const std::function<void()>& at_end) {
    return {.make = [at_end]() -> Task<Owner> { co_return Owner(at_end); }};
}

/// One that is lent, and one idle one.
Task<Owners::Lease> lend_one_of_two(Owners& pool) {
    Owners::Lease lent = co_await pool.acquire();
    Owners::Lease idle = co_await pool.acquire();
    idle.release();
    co_return lent;
}

/// Each look takes a nanosecond, if it is told so.
class SlowClock final : public eddy::Clock {
public:
    [[nodiscard]] TimePoint now() const noexcept override { return slow ? now_ += 1ns : now_; }
    bool idle(TimePoint next) noexcept override {
        now_ = std::max(now_, next);
        return true;
    }
    [[nodiscard]] bool is_virtual() const noexcept override { return true; }
    void set(TimePoint when) noexcept { now_ = when; }

    bool slow = false;

private:
    mutable TimePoint now_{};
};

}  // namespace

EDDY_TEST_CASE("a resource that uses its pool when it ends finds it in order") {
    std::unique_ptr<Owners> pool;
    int ends = 0;
    const auto at_end = [&] {
        ++ends;
        if (pool && !pool->statistics().closed) {
            static_cast<void>(pool->try_acquire());  // which may find the other one too old
        }
        if (pool) {
            pool->close();
        }
        pool.reset();
    };
    const auto make = [&]() -> Task<Owner> { co_return Owner(at_end); };
    for (int way = 0; way < 4; ++way) {
        pool = std::make_unique<Owners>(Owners::Hooks{.make = make},
                                        ResourcePoolOptions{.max_idle_time = 10s});
        ends = 0;
        {
            Owners::Lease one = co_await pool->acquire();
            Owners::Lease two = co_await pool->acquire();
            if (way == 0) {
                two.release();
                one.discard();
            }
        }
        if (way == 1) {
            co_await eddy::sleep_for(11s);
            co_await settle();
        } else if (way == 2) {
            pool->close();
        } else if (way == 3) {
            eddy::call_later(0ns, [&] {
                eddy::testing::test_clock().advance(20s);
                CHECK_FALSE(pool->try_acquire().has_value());
            });
            co_await eddy::sleep_for(1ns);
        }
        CHECK(ends == 2);
        CHECK_FALSE(pool);
    }
}

TEST_CASE("what ends with its loop finds no other one in the pool") {
    Owners* to_ask = nullptr;
    int ends = 0;
    Owners pool(owners_that([&] {
        ++ends;
        CHECK_FALSE(to_ask->try_acquire().has_value());
    }));
    to_ask = &pool;
    eddy::run([](Owners& owners) -> Task<> {
        const Owners::Lease one = co_await owners.acquire();
        const Owners::Lease two = co_await owners.acquire();
    }(pool));
    CHECK(ends == 2);
    CHECK(pool.statistics().retired == 2);
}

// --- drain in a select -------------------------------------------------------------------------

EDDY_TEST_CASE("a drain beside what the end of an idle one lets happen") {
    for (const bool of_queue : {false, true}) {
        Event closed_one;
        Queue<int> items(8);
        Owners pool(owners_that([&] {
            closed_one.set();
            CHECK(items.try_put(7));
        }));
        Owners::Lease lent = co_await lend_one_of_two(pool);
        if (of_queue) {
            const auto got = co_await eddy::select(items.get(), pool.drain());
            CHECK(got.index() == 0);
        } else {
            const auto got = co_await eddy::select(closed_one.wait(), pool.drain());
            CHECK(got.index() == 0);
        }
        CHECK(pool.statistics().closed);
    }
}

EDDY_TEST_CASE("a drain beside that of a pool whose idle resource has the last lease") {
    std::optional<Owners::Lease> last;
    Owners first(owners_that([] {}));
    Owners second(owners_that([&] { last.reset(); }));
    last = co_await first.acquire();
    const Owners::Lease lent = co_await lend_one_of_two(second);
    const auto got = co_await eddy::select(first.drain(), second.drain());
    CHECK(got.index() == 0);
    CHECK(first.statistics().lent == 0);
    CHECK(second.statistics().lent == 1);
}

// --- moments -----------------------------------------------------------------------------------

TEST_CASE("a resource whose time ends while it is looked for is lent, or is not") {
    for (const auto before : {5ns, 4ns, 3ns, 2ns, 1ns, 0ns}) {
        SlowClock clock;
        eddy::Loop loop({.clock = &clock});
        loop.run([](SlowClock& time, eddy::Duration left) -> Task<> {
            Ledger ledger;
            Things pool({.make = [&] { return make_thing(ledger); }}, {.max_idle_time = 1s});
            {
                const Things::Lease lease = co_await pool.acquire();
            }
            const TimePoint end = time.now() + 1s;
            eddy::call_later(0ns, [&] {  // where each look is at the clock
                time.set(end - left);
                time.slow = true;
                const auto lease = pool.try_acquire();
                time.slow = false;
                CHECK((!lease || *lease));
                CHECK(pool.statistics().lent == (lease ? 1U : 0U));
            });
            co_await eddy::sleep_for(1ns);
        }(clock, before));
    }
}

EDDY_TEST_CASE("one that stays while a surplus one goes is closed when its own time is over") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }},
                {.max_idle = 1, .max_idle_time = 60min, .max_lifetime = 10min});
    Things::Lease old = co_await pool.acquire();
    co_await eddy::sleep_for(8min);
    Things::Lease fresh = co_await pool.acquire();
    fresh.release();
    old.release();
    CHECK(ledger.closed.back() == 2);
    co_await eddy::sleep_for(2min);
    co_await settle();
    CHECK(ledger.alive.empty());
    CHECK(pool.statistics().expired == 1);
}
