// SPDX-License-Identifier: MIT
#include "system_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utility>

namespace eddy::testing {

namespace {

constinit thread_local FaultPlan* current = nullptr;

}  // namespace

std::string_view name_of(SystemCall call) noexcept {
    constexpr std::string_view names[] = {
        "socket",         "bind",       "listen",     "connect",        "accept4",
        "getsockname",    "getsockopt", "setsockopt", "shutdown",       "recv",
        "send",           "sendmsg",    "epoll_ctl",  "epoll_ctl",      "ioctl",
        "epoll_create1",  "eventfd",    "pipe2",      "pthread_create", "socketpair",
        "timerfd_create", "sigaction",  "poll",       "getpeername"};
    return names[static_cast<std::size_t>(call)];
}

FaultPlan::FaultPlan() noexcept { current = this; }
FaultPlan::~FaultPlan() { current = nullptr; }

int FailNth::error_of(SystemCall call) noexcept {
    if (call != call_ || ++calls_ < nth_ || left_ == 0) {
        return 0;
    }
    left_ -= left_ != always ? 1U : 0U;
    ++failed_;
    return error_;
}

#if EDDY_SYSTEM_CALL_FAULTS

namespace {

/// The next function of that name: the C library's, or a sanitizer's in front of it.
template <class Function>
Function* next(const char* name) noexcept {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// True if the plan says so; errno is set.
bool fails(SystemCall call) noexcept {
    const int error = current != nullptr ? current->error_of(call) : 0;
    if (error != 0) {
        errno = error;
    }
    return error != 0;
}

std::size_t most(SystemCall call, std::size_t length) noexcept {
    return current != nullptr && length > 1
               ? std::clamp<std::size_t>(current->most(call, length), 1, length)
               : length;
}

/// Has the first bytes of a message only.
class Beginning final {
public:
    Beginning(const msghdr& whole, SystemCall call) noexcept : message_(whole) {
        std::size_t length = 0;
        for (std::size_t i = 0; i < whole.msg_iovlen; ++i) {
            length += whole.msg_iov[i].iov_len;
        }
        std::size_t left = most(call, length);
        message_.msg_iov = parts_;
        message_.msg_iovlen = std::min<std::size_t>(whole.msg_iovlen, std::size(parts_));
        for (std::size_t i = 0; i < message_.msg_iovlen; ++i) {
            parts_[i] = whole.msg_iov[i];
            parts_[i].iov_len = std::min(parts_[i].iov_len, left);
            left -= parts_[i].iov_len;
        }
    }
    [[nodiscard]] const msghdr* get() const noexcept { return &message_; }

private:
    msghdr message_;
    iovec parts_[64] = {};
};

}  // namespace

#endif

}  // namespace eddy::testing

#if EDDY_SYSTEM_CALL_FAULTS

using eddy::testing::fails;
using eddy::testing::FaultPlan;
using eddy::testing::most;
using eddy::testing::next;
using eddy::testing::SystemCall;

extern "C" {

int socket(int domain, int type, int protocol) noexcept {
    static auto* const real = next<int(int, int, int)>("socket");
    return fails(SystemCall::socket) ? -1 : real(domain, type, protocol);
}

int bind(int fd, const sockaddr* address, socklen_t length) noexcept {
    static auto* const real = next<int(int, const sockaddr*, socklen_t)>("bind");
    return fails(SystemCall::bind) ? -1 : real(fd, address, length);
}

int listen(int fd, int backlog) noexcept {
    static auto* const real = next<int(int, int)>("listen");
    return fails(SystemCall::listen) ? -1 : real(fd, backlog);
}

int connect(int fd, const sockaddr* address, socklen_t length) {
    static auto* const real = next<int(int, const sockaddr*, socklen_t)>("connect");
    if (fails(SystemCall::connect)) {
        const int error = errno;
        if (error == FaultPlan::meets_itself) {
            static_cast<void>(bind(fd, address, length));
            return real(fd, address, length);
        }
        if (error == FaultPlan::connects_at_once) {
            const int flags = fcntl(fd, F_GETFL);
            fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
            const int result = real(fd, address, length);
            fcntl(fd, F_SETFL, flags);
            return result;
        }
        if (error == EINTR && address->sa_family != AF_UNIX) {
            static_cast<void>(real(fd, address, length));
            errno = error;
        }
        return -1;
    }
    return real(fd, address, length);
}

int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
    static auto* const real = next<int(int, sockaddr*, socklen_t*, int)>("accept4");
    return fails(SystemCall::accept) ? -1 : real(fd, address, length, flags);
}

int getsockname(int fd, sockaddr* address, socklen_t* length) noexcept {
    static auto* const real = next<int(int, sockaddr*, socklen_t*)>("getsockname");
    return fails(SystemCall::getsockname) ? -1 : real(fd, address, length);
}

int getpeername(int fd, sockaddr* address, socklen_t* length) noexcept {
    static auto* const real = next<int(int, sockaddr*, socklen_t*)>("getpeername");
    return fails(SystemCall::getpeername) ? -1 : real(fd, address, length);
}

int getsockopt(int fd, int level, int option, void* value, socklen_t* length) noexcept {
    static auto* const real = next<int(int, int, int, void*, socklen_t*)>("getsockopt");
    return fails(SystemCall::getsockopt) ? -1 : real(fd, level, option, value, length);
}

int setsockopt(int fd, int level, int option, const void* value, socklen_t length) noexcept {
    static auto* const real = next<int(int, int, int, const void*, socklen_t)>("setsockopt");
    return fails(SystemCall::setsockopt) ? -1 : real(fd, level, option, value, length);
}

int shutdown(int fd, int how) noexcept {
    static auto* const real = next<int(int, int)>("shutdown");
    return fails(SystemCall::shutdown) ? -1 : real(fd, how);
}

ssize_t recv(int fd, void* into, size_t length, int flags) {
    static auto* const real = next<ssize_t(int, void*, size_t, int)>("recv");
    return fails(SystemCall::recv) ? -1 : real(fd, into, most(SystemCall::recv, length), flags);
}

ssize_t send(int fd, const void* from, size_t length, int flags) {
    static auto* const real = next<ssize_t(int, const void*, size_t, int)>("send");
    return fails(SystemCall::send) ? -1 : real(fd, from, most(SystemCall::send, length), flags);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    static auto* const real = next<ssize_t(int, const msghdr*, int)>("sendmsg");
    if (fails(SystemCall::sendmsg)) {
        return -1;
    }
    const eddy::testing::Beginning beginning(*message, SystemCall::sendmsg);
    return real(fd, beginning.get(), flags);
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
    static auto* const real = next<int(int, int, int, epoll_event*)>("epoll_ctl");
    const bool asks = operation == EPOLL_CTL_ADD && event->data.fd == -1;
    const bool failed = fails(asks ? SystemCall::watch : SystemCall::poll_set);
    return asks && failed ? -1 : real(epoll, operation, fd, event);
}

int ioctl(int fd, unsigned long request, ...) noexcept {
    static auto* const real = next<int(int, unsigned long, ...)>("ioctl");
    va_list arguments;
    va_start(arguments, request);
    void* const argument = va_arg(arguments, void*);
    va_end(arguments);
    return fails(SystemCall::ioctl) ? -1 : real(fd, request, argument);
}

int epoll_create1(int flags) noexcept {
    static auto* const real = next<int(int)>("epoll_create1");
    return fails(SystemCall::epoll_create1) ? -1 : real(flags);
}

int eventfd(unsigned count, int flags) noexcept {
    static auto* const real = next<int(unsigned, int)>("eventfd");
    return fails(SystemCall::eventfd) ? -1 : real(count, flags);
}

int pipe2(int* ends, int flags) noexcept {
    static auto* const real = next<int(int*, int)>("pipe2");
    return fails(SystemCall::pipe2) ? -1 : real(ends, flags);
}

int pthread_create(pthread_t* thread,
                   const pthread_attr_t* attributes,
                   void* (*body)(void*),
                   void* argument) noexcept {
    static auto* const real =
        next<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
    return fails(SystemCall::pthread_create) ? errno : real(thread, attributes, body, argument);
}

int socketpair(int domain, int type, int protocol, int* ends) noexcept {
    static auto* const real = next<int(int, int, int, int*)>("socketpair");
    return fails(SystemCall::socketpair) ? -1 : real(domain, type, protocol, ends);
}

int timerfd_create(clockid_t clock, int flags) noexcept {
    static auto* const real = next<int(clockid_t, int)>("timerfd_create");
    return fails(SystemCall::timerfd_create) ? -1 : real(clock, flags);
}

int sigaction(int number, const struct sigaction* wanted, struct sigaction* before) noexcept {
    static auto* const real =
        next<int(int, const struct sigaction*, struct sigaction*)>("sigaction");
    return fails(SystemCall::sigaction) ? -1 : real(number, wanted, before);
}

int poll(pollfd* descriptors, nfds_t count, int timeout) {
    static auto* const real = next<int(pollfd*, nfds_t, int)>("poll");
    return fails(SystemCall::poll) ? -1 : real(descriptors, count, timeout);
}

}  // extern "C"

#endif
