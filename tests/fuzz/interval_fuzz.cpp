// SPDX-License-Identifier: MIT
// A clock that ticks, against its rule in numbers that cannot overflow.
//
// Laws, for starts and periods of any size, however late the ticks are asked for:
// - a period that is not positive is `std::invalid_argument`;
// - a tick comes at its moment, or at once if that has passed, and says which moment it was;
// - the next one is a period after that moment if it was late by 5 ms at most, else what
//   `MissedTick` says: a period after the moment, a period from now, the next multiple from now on;
//   behind the end of time there is none;
// - a tick that was cancelled has not been used up; `reset` moves the next to a period from now.
//
// Mistakes: late_is_in_time skip_keeps_now
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include <eddy/interval.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/time.hpp>
#include <eddy/with_scope.hpp>

#include "fuzz.hpp"

using eddy::Duration;
using eddy::MissedTick;
using eddy::Task;
using eddy::TimePoint;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

__extension__ using Wide = __int128;

constexpr Wide end_of_time = INT64_MAX;

[[nodiscard]] Wide wide(TimePoint when) { return when.time_since_epoch().count(); }

/// Of any size, as often small as large.
[[nodiscard]] std::int64_t number(Bytes& input) {
    const std::uint8_t how = input.take_u8();
    switch (how % 8) {
        case 0:
            return INT64_MAX - how / 8;
        case 1:
            return INT64_MIN + how / 8;
        case 2:
            return static_cast<std::int64_t>(input.take_u64());
        case 3:
            return -1'000'000 * static_cast<std::int64_t>(input.take_u8());
        case 4:
            return how / 8;
        default:
            return 1'000'000 * static_cast<std::int64_t>(input.take_u64(how % 8 == 5 ? 1 : 2));
    }
}

[[nodiscard]] Wide next_of(Wide meant, Wide now, Wide period, MissedTick missed) {
    const Wide tolerance = planted("late_is_in_time") ? 50'000'000 : 5'000'000;
    Wide next = meant + period;
    if (now > meant + tolerance && missed == MissedTick::delay) {
        next = now + period;
    } else if (now > meant + tolerance && missed == MissedTick::skip) {
        next = meant + ((now - meant) / period + 1) * period;
        next -= planted("skip_keeps_now") && (now - meant) % period == 0 ? period : 0;
    }
    return std::min(next, end_of_time);
}

Task<> ticks(Bytes& input) {
    const TimePoint start{Duration(number(input))};
    const Duration period{number(input)};
    constexpr MissedTick all[] = {MissedTick::burst, MissedTick::delay, MissedTick::skip};
    const MissedTick missed = all[input.take_u8() % 3];
    bool refused = false;
    try {
        const eddy::Interval tried(start, period, missed);
    } catch (const std::invalid_argument&) {
        refused = true;
    }
    FUZZ_REQUIRE(refused == (period <= Duration::zero()));
    if (refused) {
        co_return;
    }
    eddy::Interval interval(start, period, missed);
    Wide next = wide(start);
    while (!input.empty()) {
        const std::uint8_t what = input.take_u8();
        if (what % 8 == 0) {
            interval.reset();
            next = std::min(wide(eddy::now()) + period.count(), end_of_time);
            continue;
        }
        // Never until the end of time: nobody would wake us.
        const Duration patience{std::clamp<std::int64_t>(number(input), 0, INT64_MAX / 4)};
        if (wide(eddy::now()) + patience.count() >= end_of_time) {
            break;
        }
        if (what % 8 < 4) {
            co_await eddy::sleep_for(patience);
            continue;
        }
        const Wide before = wide(eddy::now());
        const auto tick = co_await eddy::move_on_after(patience, interval.tick());
        const Wide after = wide(eddy::now());
        // Of a tick and a timeout at the same moment the tick comes, but not if that is now.
        const bool comes = next <= before + patience.count();
        if (!tick) {
            FUZZ_REQUIRE(!comes || patience == Duration::zero());
            FUZZ_REQUIRE(after == before + patience.count());
            continue;
        }
        FUZZ_REQUIRE(comes);
        FUZZ_REQUIRE(wide(*tick) == next);
        FUZZ_REQUIRE(after == std::max(before, next));
        next = next_of(next, after, period.count(), missed);
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    eddy::run(ticks(input), {}, {.clock = &clock});
    return 0;
}
