// SPDX-License-Identifier: MIT
#include "monotonic_skew.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <dlfcn.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace {

constinit std::atomic<long long> skew{0};
constinit std::atomic<bool> may_skip{false};

}  // namespace

namespace eddy::testing {

SkippedTime::SkippedTime() { may_skip = true; }

SkippedTime::~SkippedTime() {
    may_skip = false;
    skew = 0;
}

void SkippedTime::skip(std::chrono::nanoseconds time) noexcept { skew += time.count(); }

}  // namespace eddy::testing

#if EDDY_MONOTONIC_SKEW
namespace {

constexpr long long second = 1'000'000'000;

long long nanoseconds_of(const timespec& time) { return time.tv_sec * second + time.tv_nsec; }
timespec time_of(long long nanoseconds) {
    return {.tv_sec = static_cast<time_t>(nanoseconds / second),
            .tv_nsec = static_cast<long>(nanoseconds % second)};
}

}  // namespace

extern "C" {

/// The C++ library and libuv find this instead of the C library's own.
int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
    const long long ahead = skew.load(std::memory_order_relaxed);
    if (result == 0 && clock == CLOCK_MONOTONIC && ahead != 0) {
        *time = time_of(nanoseconds_of(*time) + ahead);
    }
    return result;
}

/// And this, which looks at the clock every millisecond then, as if it were woken for nothing.
int pthread_cond_clockwait(pthread_cond_t* condition,
                           pthread_mutex_t* mutex,
                           clockid_t clock,
                           const timespec* end) {
    static auto* const next = reinterpret_cast<decltype(pthread_cond_clockwait)*>(
        dlsym(RTLD_NEXT, "pthread_cond_clockwait"));
    if (clock != CLOCK_MONOTONIC || !may_skip) {
        return next(condition, mutex, clock, end);
    }
    timespec now{};
    syscall(SYS_clock_gettime, clock, &now);
    const long long soon = nanoseconds_of(now) + 1'000'000;
    const long long real_end = nanoseconds_of(*end) - skew;
    const timespec first = time_of(std::min(soon, real_end));
    const int result = next(condition, mutex, clock, &first);
    return result == ETIMEDOUT && soon < real_end ? 0 : result;
}

}  // extern "C"
#endif
