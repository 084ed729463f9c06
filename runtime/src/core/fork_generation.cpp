// SPDX-License-Identifier: MIT
#include <eddy/detail/fork_generation.hpp>

#include <atomic>
#include <cstdint>

namespace eddy::inline v0_1::detail {

constinit std::atomic<std::uint32_t> forks{0};

}  // namespace eddy::inline v0_1::detail

#if defined(_WIN32)

namespace eddy::inline v0_1::detail {

void count_forks() noexcept {}

}  // namespace eddy::inline v0_1::detail

#else

#include <pthread.h>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::inline v0_1::detail {

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

void count_forks() noexcept {
    static const bool counting = [] {
        pthread_atfork(nullptr, nullptr, [] { forked(); });
        return true;
    }();
    static_cast<void>(counting);
}

}  // namespace eddy::inline v0_1::detail

#endif
