// SPDX-License-Identifier: MIT
#include "uv/poll_handle.hpp"

#include <unistd.h>
#include <utility>

#include <eddy/detail/owned_fd.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

#include "uv/driver.hpp"

namespace eddy::inline v0_1::detail {

namespace {

uv_handle_t* base(uv_poll_t& handle) noexcept { return reinterpret_cast<uv_handle_t*>(&handle); }

}  // namespace

PollHandle::PollHandle(int fd) : fd_(-1), generation_(fork_generation()) {
    OwnedFd owned(fd);
    core_ = &require_loop("a socket");
    if (core_->root.closed) {
        throw LoopClosed("the loop is ending: no socket can be opened on it any more");
    }
    fd_ = owned.release();
    core_->listen_to_close(*this);
}

PollHandle::~PollHandle() { close_handle(); }  // one that is watched has been closed before

int PollHandle::watch() noexcept {
    EDDY_ASSERT(!watched_);
    const int result = uv_poll_init(core_->driver->loop(), &handle_, fd_);
    if (result < 0) {
        return -result;  // as libuv has it, except on Windows
    }
    watched_ = true;
    handle_.data = this;
    retain();  // libuv's
    core_->driver->joined(base(handle_));
    return 0;
}

void PollHandle::set_events(unsigned events) noexcept {
    EDDY_ASSERT(watched_);
    armed_ = events;
    const int result =
        events != 0 ? uv_poll_start(&handle_, static_cast<int>(events), &PollHandle::on_event)
                    : uv_poll_stop(&handle_);
    EDDY_REQUIRE(result == 0, "libuv refuses to watch a descriptor: it is watched twice");
}

int PollHandle::try_arm(unsigned events) noexcept {
    EDDY_ASSERT(watched_);
    const int wanted = static_cast<int>(armed_ | events);
    const int result = uv_poll_start(&handle_, wanted, &PollHandle::on_event);
    if (result == 0) {
        armed_ |= events;
    }
    return -result;
}

void PollHandle::disarm(unsigned events) noexcept {
    if ((armed_ & events) != 0) {
        set_events(armed_ & ~events);
    }
}

void PollHandle::on_event(uv_poll_t* handle, int status, int events) {
    auto& self = *static_cast<PollHandle*>(handle->data);
    if (self.is_inherited()) [[unlikely]] {
        uv_poll_stop(handle);  // of a child's host, or one whose guest is no more
        return;
    }
    if (status < 0) [[unlikely]] {
        self.armed_ = 0;  // libuv has stopped it; the system call that follows says what is wrong
        self.on_ready(readable | writable | disconnected);
        return;
    }
    self.on_ready(static_cast<unsigned>(events));
}

/// Of an open one. Returns the descriptor, to be closed by whoever is to, or -1.
int PollHandle::end_handle() noexcept {
    const int fd = std::exchange(fd_, -1);
    armed_ = 0;
    core_->forget(*this);
    if (watched_ && !is_parents() && core_->inherited()) {
        return -1;  // libuv still watches it, for a host that may run on: leaked on purpose
    }
    if (!watched_ || is_parents()) {
        // If watched: the epoll set is the parent's, and libuv's handle is left as it is.
        return fd;
    }
    // This takes the descriptor out of the epoll set at once, while its number is ours.
    uv_close(base(handle_), [](uv_handle_t* closed) {
        auto& self = *static_cast<PollHandle*>(closed->data);
        Driver& driver = *self.core_->driver;
        self.release();
        driver.left();
    });
    return fd;
}

void PollHandle::close_handle() noexcept {
    const int fd = fd_ >= 0 ? end_handle() : -1;
    if (fd >= 0) {
        ::close(fd);
    }
}

int PollHandle::give_up() noexcept {
    EDDY_ASSERT(is_open() && on_loop_thread());
    return end_handle();
}

}  // namespace eddy::inline v0_1::detail
