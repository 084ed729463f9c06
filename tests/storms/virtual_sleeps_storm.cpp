// SPDX-License-Identifier: MIT
// Sleeps in virtual time, a thousand at a time, of any length: each ends at its moment, to the
// nanosecond, and those of one moment in the order in which they began.
#include <cstdio>
#include <random>

#include <eddy/clock.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/virtual_clock.hpp>

#include "storm.hpp"

namespace {

using eddy::Duration;
using eddy::Task;

constexpr std::size_t at_once = 1'000;

struct Tally {
    std::size_t ended = 0;
    std::size_t early = 0;
    std::size_t late = 0;
};

Duration any_length(std::mt19937_64& random) {
    // Zero to a nanosecond, a microsecond, ..., 24 days: one as likely as the other.
    return Duration(static_cast<Duration::rep>(random() >> (13 + random() % 51)));
}

Task<> sleep_often(std::size_t times, unsigned seed, Tally& tally) {
    std::mt19937_64 random(seed);
    for (std::size_t i = 0; i < times; ++i) {
        const Duration length = any_length(random);
        const eddy::TimePoint begun = eddy::now();
        co_await eddy::sleep_for(length);
        const Duration slept = eddy::now() - begun;
        ++tally.ended;
        tally.early += slept < length ? 1U : 0U;
        tally.late += slept > length ? 1U : 0U;
    }
}

bool virtual_sleeps(std::size_t count) {
    Tally tally;
    eddy::testing::VirtualClock clock;
    eddy::run(
        [](std::size_t all, Tally& into) -> Task<> {
            co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
                for (unsigned i = 0; i < at_once; ++i) {
                    group.spawn(sleep_often(all / at_once, i, into));
                }
                co_return;
            });
        }(count, tally),
        {},
        {.clock = &clock});
    bool good = storms::check(tally.ended == count / at_once * at_once, "every sleep ends");
    good &= storms::check(tally.early == 0, "none ends early");
    good &= storms::check(tally.late == 0, "none ends late");
    return good;
}

const storms::Registered registered(
    {"virtual_sleeps", "virtual sleeps", 200'000, 1'000'000, virtual_sleeps});

}  // namespace
