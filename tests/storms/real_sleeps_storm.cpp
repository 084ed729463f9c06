// SPDX-License-Identifier: MIT
// Sleeps on the machine's clock, all at once, from nothing to a second, while another job keeps the
// loop busy now and then, so that its idea of the time is old: none ends early. With fine timers,
// and with those of libuv.
#include <chrono>
#include <cstdio>
#include <random>

#include <eddy/clock.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>

#include "storm.hpp"

namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
using eddy::Task;

struct Tally {
    std::size_t ended = 0;
    std::size_t early = 0;
    std::chrono::nanoseconds latest{0};
};

/// Measured by the C++ library's clock, not by the loop's.
Task<> sleep_once(std::chrono::nanoseconds length, bool until, Tally& tally) {
    const auto begun = Steady::now();
    if (until) {
        co_await eddy::sleep_until(begun + length);
    } else {
        co_await eddy::sleep_for(length);
    }
    const auto slept = Steady::now() - begun;
    ++tally.ended;
    tally.early += slept < length ? 1U : 0U;
    tally.latest = std::max<std::chrono::nanoseconds>(tally.latest, slept - length);
}

/// Holds the loop up for two milliseconds out of ten.
Task<> be_busy() {
    while (true) {
        for (const auto end = Steady::now() + 2ms; Steady::now() < end;) {
        }
        co_await eddy::sleep_for(8ms);
    }
}

Task<> storm(std::size_t count, Tally& tally) {
    std::mt19937_64 random(1);
    auto busy = eddy::spawn(be_busy());
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        for (std::size_t i = 0; i < count; ++i) {
            const std::chrono::nanoseconds length(random() % 900'000'000);
            group.spawn(sleep_once(i % 10 == 0 ? length / 1'000 : length, i % 2 == 0, tally));
        }
        co_return;
    });
    busy.cancel();
    co_await busy.wait();
}

bool real_sleeps(std::size_t count) {
    bool good = true;
    for (const eddy::Duration resolution : {0ms, 1ms}) {
        Tally tally;
        eddy::run(storm(count / 2, tally), {}, {.timer_resolution = resolution});
        std::printf("timers of %s: latest by %.1f ms\n",
                    resolution == 0ms ? "the system" : "libuv",
                    std::chrono::duration<double, std::milli>(tally.latest).count());
        good &= storms::check(tally.ended == count / 2, "every sleep ends");
        good &= storms::check(tally.early == 0, "none ends early");
    }
    return good;
}

const storms::Registered registered({"real_sleeps", "real sleeps", 2'000, 20'000, real_sleeps});

}  // namespace
