// SPDX-License-Identifier: MIT
#include "hygiene.hpp"

#include <eddy/detail/fork_generation.hpp>

#if defined(_WIN32)

namespace eddy::detail {

void ignore_sigpipe() noexcept {}
void open_standard_fds() noexcept {}
void count_forks() noexcept {}

}  // namespace eddy::detail

#else

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <pthread.h>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::detail {

namespace {

/// The child's only thread. Whatever it meets of its parent's loop refuses it from here on; the
/// job that forked goes on until its next wait, and nobody after it.
void forked() noexcept {
    forks.fetch_add(1, std::memory_order_relaxed);
    forget_loops();
    ThreadState& thread = thread_state;
    if (thread.core != nullptr && thread.identity != 0) {
        thread.inherited = thread.identity;
        thread.identity = 0;
        thread.core->turn.stop();
    }
}

}  // namespace

void ignore_sigpipe() noexcept {
    struct sigaction current = {};
    if (sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) {
        current.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &current, nullptr);
    }
}

void open_standard_fds() noexcept {
    for (int fd = 0; fd <= 2; ++fd) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
            // The lowest free descriptor is this one: all below it are open by now.
            static_cast<void>(open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY));
        }
    }
}

void count_forks() noexcept {
    static const bool counting = [] {
        pthread_atfork(nullptr, nullptr, [] { forked(); });
        return true;
    }();
    static_cast<void>(counting);
}

}  // namespace eddy::detail

#endif
