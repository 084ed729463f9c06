// SPDX-License-Identifier: MIT
// A bucket of tokens against one that counts in numbers that cannot overflow.
//
// Laws, for numbers of any size:
// - it is refused unless all numbers are positive, and where it could not count exactly; a request
//   for more than the burst, or for fewer than none, is refused: `std::invalid_argument`;
// - a request is granted at the first nanosecond in which its tokens are there, to the nanosecond
//   over any number of them: nothing is rounded, and nothing lost but what does not fit in;
// - a request that was cancelled has taken nothing; `try_acquire` takes what `acquire` would get at
//   once, and `statistics` says how many whole tokens that is.
//
// Mistakes: rounded_up overfull
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <stdexcept>

#include <eddy/rate_limiter.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/time.hpp>
#include <eddy/with_scope.hpp>

#include "fuzz.hpp"

using eddy::Duration;
using eddy::Task;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

__extension__ using Wide = __int128;

[[nodiscard]] std::int64_t number(Bytes& input) {
    const std::uint8_t how = input.take_u8();
    switch (how % 8) {
        case 0:
            return INT64_MAX - how / 8;
        case 1:
            return static_cast<std::int64_t>(input.take_u64());
        case 2:
            return static_cast<std::int64_t>(input.take_u64(4));
        case 3:
            return std::int64_t{1} << (how / 4);
        case 4:
            return std::int64_t{1'000'000'000} * (how / 8);
        case 5:
            return how == 5 ? -1 : how / 8 - 1;
        default:
            return 1 + how / 8;
    }
}

/// In parts: a token has `interval` of them, and `tokens` come in a nanosecond.
class Bucket final {
public:
    Bucket(std::int64_t tokens, std::int64_t interval, std::int64_t burst) noexcept
        : per_token_(interval), per_ns_(tokens), full_(Wide{burst} * interval), level_(full_) {}

    void elapse(Wide nanoseconds) {
        const Wide room = full_ - level_;
        level_ = nanoseconds > room / per_ns_ + 1 ? full_ : level_ + nanoseconds * per_ns_;
        level_ = planted("overfull") ? level_ : std::min(level_, full_);
    }
    /// Until so many are there, none if they are.
    [[nodiscard]] Wide wait_for(std::int64_t tokens) const {
        const Wide missing = Wide{tokens} * per_token_ - level_;
        const Wide rounded =
            planted("rounded_up") ? missing / per_ns_ + 1 : (missing + per_ns_ - 1) / per_ns_;
        return missing <= 0 ? 0 : rounded;
    }
    /// For one who has waited: what came in its last nanosecond is kept, as far as it fits in then.
    void take_after(Wide nanoseconds, std::int64_t tokens) {
        level_ += nanoseconds * per_ns_ - Wide{tokens} * per_token_;
        level_ = std::min(level_, full_);
    }
    [[nodiscard]] Wide whole() const { return level_ / per_token_; }

private:
    Wide per_token_;
    Wide per_ns_;
    Wide full_;
    Wide level_;
};

Task<> acquires(Bytes& input) {
    const std::int64_t tokens = number(input);
    const std::int64_t interval = number(input);
    const std::int64_t burst = number(input);
    bool refused = tokens <= 0 || interval <= 0 || burst <= 0;
    if (!refused) {
        const std::int64_t common = std::gcd(tokens, interval);
        refused =
            Wide{burst} * (interval / common) > INT64_MAX / 2 || tokens / common > INT64_MAX / 2;
    }
    bool thrown = false;
    try {
        const eddy::RateLimiter tried(tokens, Duration(interval), burst);
    } catch (const std::invalid_argument&) {
        thrown = true;
    }
    FUZZ_REQUIRE(thrown == refused);
    if (refused) {
        co_return;
    }
    eddy::RateLimiter limiter(tokens, Duration(interval), burst);
    Bucket bucket(tokens, interval, burst);
    while (!input.empty()) {
        const std::uint8_t what = input.take_u8();
        const Duration pause{std::clamp<std::int64_t>(number(input), 0, INT64_MAX / 4)};
        if (eddy::now() > eddy::TimePoint() + Duration(INT64_MAX / 2)) {
            break;
        }
        if (what % 4 == 0) {
            co_await eddy::sleep_for(pause);
            bucket.elapse(pause.count());
            continue;
        }
        const std::int64_t wanted =
            what < 240 ? std::min(burst, std::int64_t{what} / 4) : number(input);
        const bool impossible = wanted < 0 || wanted > burst;
        bool invalid = false;
        if (what % 4 == 1) {
            try {
                const bool got = limiter.try_acquire(wanted);
                FUZZ_REQUIRE(got == (bucket.wait_for(wanted) == 0));
                bucket.take_after(0, got ? wanted : 0);
            } catch (const std::invalid_argument&) {
                invalid = true;
            }
        } else {
            const eddy::TimePoint before = eddy::now();
            try {
                const bool got = co_await eddy::move_on_after(pause, limiter.acquire(wanted));
                const Wide waited = (eddy::now() - before).count();
                // A grant and a timeout at one moment: the grant was first, but not if that is now.
                const Wide wait = bucket.wait_for(wanted);
                FUZZ_REQUIRE(got ? waited == wait : waited == pause.count());
                FUZZ_REQUIRE(got || wait > waited || waited == 0);
                if (got) {
                    bucket.take_after(waited, wanted);
                } else {
                    bucket.elapse(waited);
                }
            } catch (const std::invalid_argument&) {
                invalid = true;
            }
        }
        // Without any patience it is not even asked.
        FUZZ_REQUIRE(invalid == impossible || (!invalid && pause == Duration::zero()));
        FUZZ_REQUIRE(limiter.statistics().available == bucket.whole());
        FUZZ_REQUIRE(limiter.statistics().waiters == 0);
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    eddy::run(acquires(input), {}, {.clock = &clock});
    return 0;
}
