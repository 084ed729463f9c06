// SPDX-License-Identifier: MIT
// Programs of jobs, scopes, groups and all primitives keep the laws of conservation, whatever they
// do, in whichever order ready jobs run. See program/. With FUZZ_PRINT set it shows each.
// Mistakes: early_sleep lost_permit dropped_item pierced_shield lost_failure
#include <cstdint>
#include <cstdlib>
#include <optional>

#include <eddy/loop.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/thread_pool.hpp>

#include "fuzz.hpp"
#include "program/ops.hpp"
#include "program/plan.hpp"
#include "program/world.hpp"

namespace eddy::fuzz {
namespace {

/// For all programs that offload: threads are dear.
ThreadPool& shared_pool() {
    static ThreadPool pool({.name = "fuzz", .threads = 2, .idle_timeout = std::chrono::hours(1)});
    return pool;
}

void run(const Plan& plan, std::optional<std::uint64_t> schedule) {
    Ledger ledger;
    testing::VirtualClock clock;
    Failures failures;
    ledger.torn = plan.torn;
    Watcher watcher(failures, plan.torn);
    {
        World world(clock, ledger, failures);
        world.pool = plan.offloads ? &shared_pool() : nullptr;
        {
            Loop loop({.clock = &clock,
                       .observer = &watcher,
                       .strict_checkpoints = plan.strict,
                       .schedule_seed = schedule});
            if (plan.torn) {
                loop.run(tear_program(
                             world, plan.main, duration_of(static_cast<std::uint8_t>(plan.seed))),
                         {.grace = Duration(-1)});
            } else {
                loop.run(run_program(world, plan.main), {.grace = std::chrono::minutes(10)});
            }
            FUZZ_REQUIRE(loop.statistics().jobs_alive == 0);
            FUZZ_REQUIRE(loop.statistics().deadlines == 0);
        }
        world.check_end();
    }
    ledger.check();
    watcher.check();
    failures.check(plan.torn);
}

}  // namespace
}  // namespace eddy::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const eddy::fuzz::Plan plan = eddy::fuzz::parse(eddy::fuzz::Bytes(data, size));
    if (std::getenv("FUZZ_PRINT") != nullptr) {
        eddy::fuzz::print(plan);
    }
    eddy::fuzz::run(plan, std::nullopt);
    eddy::fuzz::run(plan, plan.seed);
    return 0;
}
