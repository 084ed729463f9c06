// SPDX-License-Identifier: MIT
#include "uv/waker.hpp"

#if EDDY_WAKE_BY_EVENTFD

#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <type_traits>
#include <unistd.h>

namespace eddy::inline v0_1::detail {

Waker::~Waker() {
    if (fd_ >= 0) {
        close(fd_);
    }
}

int Waker::init(uv_loop_t* loop) noexcept {
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
        static_assert(std::is_standard_layout_v<Waker>);
        const auto& self = *reinterpret_cast<const Waker*>(handle);
        if (self.generation_ != fork_generation()) {
            uv_poll_stop(handle);  // a child that runs on with its host's loop: it is the parent's
            return;
        }
        std::uint64_t wakes = 0;
        static_cast<void>(read(self.fd_, &wakes, sizeof wakes));  // EAGAIN: nothing to take back
    });
}

/// Fails only if the number overflows, and then the loop is awake anyway.
void Waker::wake() noexcept {
    const std::uint64_t one = 1;
    while (write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

}  // namespace eddy::inline v0_1::detail

#else

namespace eddy::inline v0_1::detail {

Waker::~Waker() = default;

int Waker::init(uv_loop_t* loop) noexcept {
    // The turn that follows every poll drains the inbox: the callback has nothing to add.
    return uv_async_init(loop, &handle_, [](uv_async_t*) {});
}

void Waker::wake() noexcept { uv_async_send(&handle_); }

}  // namespace eddy::inline v0_1::detail

#endif
