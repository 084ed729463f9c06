// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// Clang links the sanitizers' own versions of these functions into the program: there, nothing can
// come in between.
#define EDDY_SYSTEM_CALL_FAULTS 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef EDDY_SYSTEM_CALL_FAULTS
#define EDDY_SYSTEM_CALL_FAULTS 0
#endif
#endif

/// The system calls of sockets, as this executable has them: they ask the plan of their thread, if
/// it has one, before they go on to the C library. The library under test, linked in or shared, and
/// libuv find these instead of the C library's own.

namespace eddy::testing {

enum class SystemCall : std::uint8_t {
    socket,
    bind,
    listen,
    connect,
    accept,
    getsockname,
    getsockopt,
    setsockopt,
    shutdown,
    recv,
    send,
    sendmsg,
    watch,  ///< epoll_ctl, when libuv asks whether a descriptor can be watched; it dies of others
    poll_set,  ///< epoll_ctl, every other one; for counting: it cannot be made to fail
    ioctl,
    epoll_create1,
    eventfd,
    pipe2,
    pthread_create,
    socketpair,
    timerfd_create,
    sigaction,
    poll,
    getpeername,
};

[[nodiscard]] std::string_view name_of(SystemCall call) noexcept;

/// What goes wrong, on the thread that made it, for as long as it lives. One at a time.
class FaultPlan {
public:
    /// Of `connect`, instead of an errno: it waits until it is connected.
    static constexpr int connects_at_once = -1;
    /// The same: its own address is the one it calls, as the kernel may choose.
    static constexpr int meets_itself = -2;

    FaultPlan() noexcept;
    FaultPlan(const FaultPlan&) = delete;
    FaultPlan& operator=(const FaultPlan&) = delete;
    virtual ~FaultPlan();

    /// An errno to fail with, or 0. As the kernel's, a TCP `connect` that fails with EINTR goes on
    /// all the same.
    [[nodiscard]] virtual int error_of(SystemCall call) noexcept = 0;
    /// Of a `recv`, `send` or `sendmsg` that does not fail: how much of this it may move, at
    /// least 1.
    [[nodiscard]] virtual std::size_t most(SystemCall, std::size_t length) noexcept {
        return length;
    }
};

/// Counts the calls of one kind, and fails one of them, or so many in a row.
class FailNth final : public FaultPlan {
public:
    static constexpr std::size_t always = static_cast<std::size_t>(-1);

    /// The first is number 1.
    FailNth(SystemCall call, int error, std::size_t nth, std::size_t how_many = 1) noexcept
        : call_(call), error_(error), nth_(nth), left_(how_many) {}

    [[nodiscard]] int error_of(SystemCall call) noexcept override;

    [[nodiscard]] std::size_t calls() const noexcept { return calls_; }
    [[nodiscard]] std::size_t failed() const noexcept { return failed_; }

private:
    SystemCall call_;
    int error_;
    std::size_t nth_;
    std::size_t left_;
    std::size_t calls_ = 0;
    std::size_t failed_ = 0;
};

}  // namespace eddy::testing
