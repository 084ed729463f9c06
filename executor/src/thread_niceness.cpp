// SPDX-License-Identifier: MIT
#include "thread_niceness.hpp"

#include <algorithm>

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace eddy::inline v0_1::detail {

#ifdef __linux__

namespace {

[[nodiscard]] id_t thread_id() noexcept { return static_cast<id_t>(syscall(SYS_gettid)); }

}  // namespace

int thread_niceness() noexcept { return getpriority(PRIO_PROCESS, thread_id()); }

void set_thread_niceness(int nice) noexcept {
    static_cast<void>(setpriority(PRIO_PROCESS, thread_id(), std::min(nice, nicest)));
}

#else

int thread_niceness() noexcept { return 0; }
void set_thread_niceness(int) noexcept {}

#endif

}  // namespace eddy::inline v0_1::detail
