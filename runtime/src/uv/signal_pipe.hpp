// SPDX-License-Identifier: MIT
#pragma once

#include <uv.h>

#include <eddy/detail/list_link.hpp>

namespace eddy::inline v0_1::detail {

/// That a loop is told of signals, for as long as this has joined it.
///
/// libuv's signal handlers write into a pipe of each such loop. A forked child inherits handlers
/// and pipes: without more, a signal that only the child gets would arrive in its parent's loops.
/// So in a child whatever leads to loops of the parent leads nowhere, from the fork on. The
/// handlers stay, as handlers do.
///
/// Threading: any; a lock, for there are loops on other threads.
class SignalPipe final : private ListLink {
public:
    SignalPipe() = default;
    SignalPipe(const SignalPipe&) = delete;
    SignalPipe& operator=(const SignalPipe&) = delete;
    ~SignalPipe() { leave(); }

    /// Requires: the loop has a signal handle. Repeating it does nothing.
    void join(const uv_loop_t& loop);
    void leave() noexcept;

private:
    static void cut_all() noexcept;

    int fd_ = -1;
};

}  // namespace eddy::inline v0_1::detail
