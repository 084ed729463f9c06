// SPDX-License-Identifier: MIT
#include "loop/hygiene.hpp"

#if defined(_WIN32)

namespace eddy::inline v0_1::detail {

void ignore_sigpipe() noexcept {}
void open_standard_fds() noexcept {}

}  // namespace eddy::inline v0_1::detail

#else

#include <cerrno>
#include <csignal>
#include <fcntl.h>

namespace eddy::inline v0_1::detail {

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

}  // namespace eddy::inline v0_1::detail

#endif
