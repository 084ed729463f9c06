// SPDX-License-Identifier: MIT
#include <eddy/resource_pool.hpp>

#include <chrono>
#include <doctest/doctest.h>

#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

using namespace std::chrono_literals;
using eddy::Task;

namespace {
struct Thing { explicit Thing(int n) : number(n) {} Thing(Thing&&) = default; int number; };
}

EDDY_TEST_CASE("smoke") {
    int made = 0;
    eddy::ResourcePool<Thing> pool({.make = [&]() -> Task<Thing> { co_return Thing(++made); }}, {.max_total = 2});
    {
        auto lease = co_await pool.acquire();
        CHECK(lease->number == 1);
    }
    {
        auto lease = co_await pool.acquire();
        CHECK(lease->number == 1);
        auto other = pool.try_acquire();
        CHECK_FALSE(other.has_value());
    }
    CHECK(pool.try_acquire().has_value());
    CHECK(pool.statistics().idle == 1);
    co_await pool.drain();
    CHECK(pool.statistics().retired == 1);
}
