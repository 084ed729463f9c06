// SPDX-License-Identifier: MIT
#include "uv/eventfd_waker.hpp"

#if __has_include(<sys/eventfd.h>)

#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <type_traits>
#include <unistd.h>

namespace eddy::inline v0_1::detail {

EventfdWaker::~EventfdWaker() {
    if (fd_ >= 0) {
        close(fd_);
    }
}

int EventfdWaker::init(uv_loop_t* loop) noexcept {
    fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd_ < 0) {
        return uv_translate_sys_error(errno);
    }
    const int result = uv_poll_init(loop, &handle_, fd_);
    if (result < 0) {
        return result;
    }
    // The turn that follows every poll drains the inbox: the callback only has to re-arm.
    return uv_poll_start(&handle_, UV_READABLE, [](uv_poll_t* handle, int, int) {
        static_assert(std::is_standard_layout_v<EventfdWaker>);
        const auto& self = *reinterpret_cast<const EventfdWaker*>(handle);
        if (self.generation_ != fork_generation()) {
            uv_poll_stop(handle);  // a child that runs on with its host's loop: it is the parent's
            return;
        }
        std::uint64_t wakes = 0;
        static_cast<void>(read(self.fd_, &wakes, sizeof wakes));  // EAGAIN: nothing to take back
    });
}

/// Fails only if the number overflows, and then the loop is awake anyway.
void EventfdWaker::wake() noexcept {
    const std::uint64_t one = 1;
    while (write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

}  // namespace eddy::inline v0_1::detail

#else

namespace eddy::inline v0_1::detail {

EventfdWaker::~EventfdWaker() = default;
int EventfdWaker::init(uv_loop_t*) noexcept { return UV_ENOSYS; }
void EventfdWaker::wake() noexcept {}

}  // namespace eddy::inline v0_1::detail

#endif
