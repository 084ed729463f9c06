// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <uv.h>

#include <eddy/detail/fork_generation.hpp>
#include <eddy/detail/loop_core.hpp>

namespace eddy::inline v0_1::detail {

/// A file descriptor that the loop watches: what sockets, listeners and pipes are made of.
///
/// The one implementation of how a handle lives and dies (runtime/INSIDE.md, "Handles and
/// requests"). The object is counted: its owners have references, and libuv has one from the
/// `watch` until its close callback. `close` ends the descriptor at once, in whatever
/// callback it is called; only the memory waits. A loop that ends closes what is still open.
///
/// libuv hears of a descriptor when it is to be watched for the first time, `watch`: one that never
/// has to wait costs none of the four system calls that this takes.
///
/// Events are levels: one that nobody wants must be disarmed, or every poll reports it.
///
/// Cost: `arm` and `disarm` with a change make two epoll_ctl up to libuv 1.44, so a derived class
///       keeps armed what it will want again.
class PollHandle : private CloseListener {
public:
    static constexpr unsigned readable = UV_READABLE;
    static constexpr unsigned writable = UV_WRITABLE;
    static constexpr unsigned disconnected = UV_DISCONNECT;  // the peer sends no more, or is gone

    PollHandle(const PollHandle&) = delete;
    PollHandle& operator=(const PollHandle&) = delete;

    void retain() noexcept { ++references_; }
    void release() noexcept {
        if (--references_ == 0) {
            delete this;
        }
    }

    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    /// Of an open one: true on the thread that may touch it.
    [[nodiscard]] bool on_loop_thread() const noexcept { return core_->here(); }

    /// This is a child after fork(), and the connection its parent's; or the loop was a guest that
    /// is no more, on a host's loop that may be gone: all one may do is let go.
    [[nodiscard]] bool is_inherited() const noexcept {
        return is_parents() || (is_open() && core_->inherited());
    }
    [[nodiscard]] bool may_let_go() const noexcept {
        return !is_open() || on_loop_thread() || is_inherited();
    }

protected:
    /// Takes the descriptor over, also when it throws. The caller has the first reference.
    ///
    /// Throws: `InvalidState` outside a loop, `LoopClosed` when it is ending.
    explicit PollHandle(int fd);
    [[nodiscard]] LoopCore& core() const noexcept { return *core_; }
    ~PollHandle() override;

    /// Of an open one: libuv knows it from now on. Zero, or an errno. Requires: that it is not
    /// watched.
    [[nodiscard]] int watch() noexcept;
    [[nodiscard]] bool is_watched() const noexcept { return watched_; }

    /// Reports these events too from now on. Does nothing when they are armed already. Requires:
    /// that it is watched.
    void arm(unsigned events) noexcept {
        if ((armed_ & events) != events) [[unlikely]] {
            set_events(armed_ | events);
        }
    }
    /// The same for a descriptor that the loop may watch twice, or that may have been closed: zero,
    /// or an errno, and nothing has changed.
    [[nodiscard]] int try_arm(unsigned events) noexcept;
    void disarm(unsigned events) noexcept;
    [[nodiscard]] bool is_armed(unsigned events) const noexcept {
        return (armed_ & events) == events;
    }

    /// Closes the descriptor, and the handle with it. Does nothing to a closed one.
    void close_handle() noexcept;
    /// Ends the handle and leaves the descriptor to the caller: when this returns, libuv and its
    /// epoll set have forgotten it. Requires: an open one, on its loop's thread.
    [[nodiscard]] int give_up() noexcept;

    /// What has happened; an error is all events. Runs in the poll: it may commit waiters, arm,
    /// disarm and close.
    virtual void on_ready(unsigned events) noexcept = 0;
    /// The loop ends, no job is left: the derived class closes itself.
    virtual void on_loop_end() noexcept = 0;

private:
    [[nodiscard]] bool is_parents() const noexcept { return generation_ != fork_generation(); }
    void loop_closing() noexcept final { on_loop_end(); }
    void set_events(unsigned events) noexcept;
    [[nodiscard]] int end_handle() noexcept;
    static void on_event(uv_poll_t* handle, int status, int events);

    // Invariant: while fd_ >= 0 and watched_, libuv knows handle_, and reports armed_.
    uv_poll_t handle_;
    LoopCore* core_;
    int fd_;
    unsigned armed_ = 0;
    bool watched_ = false;  // stays; libuv's reference is counted from then on
    std::uint32_t references_ = 1;
    std::uint32_t generation_;  // of forks: a child must not touch its parent's epoll set
};

}  // namespace eddy::inline v0_1::detail
