// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "responsiveness.hpp"
#include "workload.hpp"

namespace bench::responsive {

/// The least a poll loop can do to sleep: one timerfd in one epoll.
inline Figures timerfd_sleep(double seconds) {
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    const int poll = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    if (timer < 0 || poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, timer, &event) != 0) {
        std::abort();
    }
    Session session(seconds);
    while (!session.over()) {
        const std::int64_t due = wall_now() + short_sleep;
        itimerspec at{};
        at.it_value.tv_sec = due / 1'000'000'000;
        at.it_value.tv_nsec = due % 1'000'000'000;
        std::uint64_t expirations = 0;
        if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, nullptr) != 0 ||
            epoll_wait(poll, &event, 1, -1) != 1 ||
            read(timer, &expirations, sizeof expirations) != sizeof expirations) {
            std::abort();
        }
        session.record({due, 0}, {wall_now(), 0});
    }
    close(timer);
    close(poll);
    return {.wall = session.wall()};
}

}  // namespace bench::responsive
