// SPDX-License-Identifier: MIT
#include "uv/signal_pipe.hpp"

#if defined(_WIN32)

namespace eddy::inline v0_1::detail {

void SignalPipe::join(const uv_loop_t&) {}
void SignalPipe::leave() noexcept {}

}  // namespace eddy::inline v0_1::detail

#else

#include <fcntl.h>
#include <mutex>
#include <pthread.h>
#include <type_traits>
#include <unistd.h>

namespace eddy::inline v0_1::detail {

namespace {

struct Joined {
    std::mutex mutex;
    ListLink pipes;
};

Joined& joined() noexcept {
    static Joined all;
    static_assert(std::is_trivially_destructible_v<Joined>, "a fork may come late");
    return all;
}

}  // namespace

void SignalPipe::join(const uv_loop_t& loop) {
    static const bool cutting = [] {
        joined();
        pthread_atfork([] { joined().mutex.lock(); },
                       [] { joined().mutex.unlock(); },
                       [] {
                           cut_all();
                           joined().mutex.unlock();
                       });
        return true;
    }();
    static_cast<void>(cutting);
    const std::lock_guard lock(joined().mutex);
    if (!linked()) {
        fd_ = loop.signal_pipefd[1];
        insert_before(joined().pipes);
    }
}

void SignalPipe::leave() noexcept {
    if (fd_ >= 0) {
        const std::lock_guard lock(joined().mutex);
        unlink_self();
        fd_ = -1;
    }
}

/// In the child's only thread, with what may be called there: the handlers write into nothing.
void SignalPipe::cut_all() noexcept {
    Joined& all = joined();
    const int nowhere = all.pipes.linked() ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    if (nowhere < 0) {
        return;
    }
    while (all.pipes.linked()) {
        auto& pipe = static_cast<SignalPipe&>(*all.pipes.next);
        pipe.unlink_self();
        dup2(nowhere, pipe.fd_);
        fcntl(pipe.fd_, F_SETFD, FD_CLOEXEC);
        pipe.fd_ = -1;
    }
    close(nowhere);
}

}  // namespace eddy::inline v0_1::detail

#endif
