// SPDX-License-Identifier: MIT
// A resource pool on a loop that a host runs.
#include <doctest/doctest.h>

#include <uv.h>

#include <eddy/loop.hpp>
#include <eddy/resource_pool.hpp>

#include "resource_kit.hpp"

namespace {

using eddy::Task;
using eddy::testing::Ledger;
using eddy::testing::make_thing;
using eddy::testing::Things;

Task<> use(Things& pool) { const auto lease = co_await pool.acquire(); }

}  // namespace

TEST_CASE("idle resources keep no host running, and end with the guest") {
    Ledger ledger;
    Things pool({.make = [&] { return make_thing(ledger); }});
    uv_loop_t host;
    REQUIRE(uv_loop_init(&host) == 0);
    {
        auto guest = eddy::Loop::attach(&host, {.keep_alive = eddy::KeepHost::while_jobs});
        guest->spawn(use(pool)).detach();
        uv_run(&host, UV_RUN_DEFAULT);  // returns: nothing is left to do but to look, in a minute
        CHECK(pool.statistics().idle == 1);

        // A callback of the host's may give back, too, and is not in a job.
        auto lease = pool.try_acquire();
        REQUIRE(lease.has_value());
        lease.reset();
        CHECK(pool.statistics().idle == 1);

        bool gone = false;
        guest->detach([&gone] { gone = true; });
        uv_run(&host, UV_RUN_DEFAULT);
        CHECK(gone);
    }
    CHECK(ledger.alive.empty());
    CHECK(pool.statistics().retired == 1);
    CHECK(uv_loop_close(&host) == 0);
}
