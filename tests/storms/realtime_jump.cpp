// SPDX-License-Identifier: MIT
#include "realtime_jump.hpp"

#include <atomic>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

namespace {

constinit std::atomic<long long> off_by{0};

}  // namespace

void storms::set_realtime_off_by(std::chrono::seconds offset) noexcept { off_by = offset.count(); }

#if STORMS_REALTIME_JUMPS

/// Eddy, the C++ library and libuv find these instead of the C library's own.
extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
    const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, now));
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += static_cast<time_t>(off_by.load(std::memory_order_relaxed));
    }
    return result;
}

int gettimeofday(timeval* now, void*) noexcept {
    timespec time{};
    const int result = clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1'000;
    return result;
}

time_t time(time_t* now) noexcept {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    if (now != nullptr) {
        *now = time.tv_sec;
    }
    return time.tv_sec;
}

}  // extern "C"

#endif
