// SPDX-License-Identifier: MIT
#include "uv/descriptor_probe.hpp"

#if defined(__linux__)

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

#include <eddy/detail/owned_fd.hpp>
#include <eddy/error.hpp>
#include <eddy/wake_by.hpp>

namespace eddy::inline v0_1::detail {

namespace {

constinit std::atomic<bool> libuv_has_its_own{false};

OwnedFd probed(int fd, const char* call) {
    if (fd < 0) {
        throw IoError(std::error_code(errno, std::system_category()),
                      std::string("a loop cannot be made: ") + call);
    }
    return OwnedFd(fd);
}

class ProbedPipe final {
public:
    ProbedPipe() : reader_(probed(open(), "pipe2")), writer_(ends_[1]) {}

private:
    [[nodiscard]] int open() noexcept {
        return ::pipe2(ends_, O_CLOEXEC | O_NONBLOCK) == 0 ? ends_[0] : -1;
    }

    int ends_[2] = {-1, -1};
    OwnedFd reader_;
    OwnedFd writer_;
};

void probe_process_descriptors() { const ProbedPipe signal_lock; }

}  // namespace

void probe_loop_descriptors() {
    const OwnedFd poll = probed(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    const ProbedPipe signals;
    const OwnedFd async = probed(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
    std::optional<OwnedFd> waker;
    if (wake_by() == WakeBy::eventfd) {
        waker.emplace(probed(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
    }
    if (!libuv_has_its_own.load(std::memory_order_relaxed)) {
        probe_process_descriptors();
    }
}

void close_unfinished(uv_loop_t& loop) noexcept {
    // The libuv that runs, which may be newer than the header: it has closed its own.
    if (uv_version() < 0x013300 && loop.backend_fd >= 0 && ::fcntl(loop.backend_fd, F_GETFD) >= 0) {
        ::close(loop.backend_fd);
        loop.backend_fd = -1;
    }
}

void loop_descriptors_made() noexcept { libuv_has_its_own.store(true, std::memory_order_relaxed); }

}  // namespace eddy::inline v0_1::detail

#else

namespace eddy::inline v0_1::detail {

void probe_loop_descriptors() {}
void close_unfinished(uv_loop_t&) noexcept {}
void loop_descriptors_made() noexcept {}

}  // namespace eddy::inline v0_1::detail

#endif
