// SPDX-License-Identifier: MIT
#include "monotonic_skew.hpp"

#include <atomic>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace {

constinit std::atomic<long long> skew{0};

}  // namespace

namespace eddy::testing {

SkippedTime::~SkippedTime() { skew = 0; }

void SkippedTime::skip(std::chrono::nanoseconds time) noexcept { skew += time.count(); }

}  // namespace eddy::testing

#if EDDY_MONOTONIC_SKEW
/// The C++ library and libuv find this instead of the C library's own.
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
    const long long ahead = skew.load(std::memory_order_relaxed);
    if (result == 0 && clock == CLOCK_MONOTONIC && ahead != 0) {
        constexpr long long second = 1'000'000'000;
        const long long sum = time->tv_nsec + ahead;
        time->tv_sec += static_cast<time_t>(sum / second);
        time->tv_nsec = static_cast<long>(sum % second);
    }
    return result;
}
#endif
