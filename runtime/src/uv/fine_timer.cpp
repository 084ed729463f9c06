// SPDX-License-Identifier: MIT
#include "uv/fine_timer.hpp"

#if defined(__linux__)

#include <cstdint>
#include <sys/timerfd.h>
#include <type_traits>
#include <unistd.h>

#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

namespace {

void set(int fd, TimePoint when) noexcept {
    // Both are CLOCK_MONOTONIC. Zero disarms, and is no time that comes.
    const std::int64_t count = when.time_since_epoch().count();
    itimerspec spec{};
    spec.it_value.tv_sec = static_cast<time_t>(count / 1'000'000'000);
    spec.it_value.tv_nsec = static_cast<decltype(spec.it_value.tv_nsec)>(count % 1'000'000'000);
    const int result = timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, nullptr);
    EDDY_REQUIRE(result == 0, "the system refuses to set a timerfd");
}

}  // namespace

FineTimer::~FineTimer() {
    if (fd_ >= 0) {
        close(fd_);
    }
}

bool FineTimer::open(uv_loop_t* loop) noexcept {
    if (impossible_) {
        return false;
    }
    const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0 || uv_poll_init(loop, &handle_, fd) < 0) {
        if (fd >= 0) {
            close(fd);
        }
        impossible_ = true;
        return false;
    }
    fd_ = fd;
    const int result = uv_poll_start(&handle_, UV_READABLE, [](uv_poll_t* handle, int, int) {
        // It is the first member; its `data` is the owner's.
        static_assert(std::is_standard_layout_v<FineTimer>);
        auto& self = *reinterpret_cast<FineTimer*>(handle);
        if (self.generation_ != fork_generation()) {
            uv_poll_stop(handle);  // a child that runs on with its host's loop: it is the parent's
            return;
        }
        self.fired_ = true;
        self.armed_for_ = never;
    });
    EDDY_REQUIRE(result == 0, "libuv refuses to watch a timerfd");
    uv_unref(handle());
    return true;
}

bool FineTimer::arm(uv_loop_t* loop, TimePoint when) noexcept {
    if (armed_before(when)) {
        return true;
    }
    if (fd_ < 0 && !open(loop)) {
        return false;
    }
    set(fd_, when);
    armed_for_ = when;
    fired_ = false;
    return true;
}

void FineTimer::disarm() noexcept {
    set(fd_, TimePoint());
    fired_ = false;
}

}  // namespace eddy::inline v0_1::detail

#else

namespace eddy::inline v0_1::detail {

FineTimer::~FineTimer() = default;
bool FineTimer::open(uv_loop_t*) noexcept { return false; }
bool FineTimer::arm(uv_loop_t*, TimePoint) noexcept { return false; }
void FineTimer::disarm() noexcept {}

}  // namespace eddy::inline v0_1::detail

#endif
