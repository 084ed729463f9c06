// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <eddy/detail/owned_fd.hpp>
#include <eddy/detail/socket_waits.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/wait_queue.hpp>

#include "net/socket.hpp"
#include "uv/poll_handle.hpp"

namespace eddy::inline v0_1::detail {

/// A socket that accepts stream sockets, for jobs in order of arrival.
class ListenSocket final : public PollHandle {
public:
    /// Takes the descriptor over, also when it throws. It listens already.
    ListenSocket(int fd, SocketKind kind);
    /// Before anything else: it is watched, now that somebody can be told. Zero, or an errno.
    [[nodiscard]] int begin() noexcept { return watch(); }

    void check_thread(const char* what) const { bound_.check(what); }
    /// Throws `ClosedResource`.
    void check_open(const char* what) const;
    [[noreturn]] void fail(const char* what, int error) const;
    [[nodiscard]] ListenerStatistics statistics() const noexcept {
        return {.accepted = accepted_, .waiters = acceptors_.size()};
    }

    void close() noexcept;
    /// The same, but the descriptor is the caller's, and listens on.
    [[nodiscard]] int release_descriptor() noexcept;
    /// It could not be adopted, and is still the caller's.
    void disown() noexcept { static_cast<void>(give_up()); }

    // --- for the waits -------------------------------------------------------------------------
    [[nodiscard]] bool try_accept(SocketAccept& accept);
    void start_accept(SocketAccept& accept) noexcept;
    /// A job died with a connection it had been given: the next one gets it.
    void give_back(Socket& socket) noexcept;

private:
    ~ListenSocket() override = default;

    void on_ready(unsigned events) noexcept override;
    void on_loop_end() noexcept override { close(); }

    /// True: it has ended, with a socket or an error.
    [[nodiscard]] bool accept_once(SocketAccept& accept) noexcept;
    void wake(SocketAccept& accept) noexcept;
    void drop_returned() noexcept;
    void end_waits() noexcept;
    void forget_waits() noexcept;

    LoopBound bound_;
    WaitQueue acceptors_;
    Socket* returned_ = nullptr;  // a stack, linked through Socket::next_returned
    std::uint64_t accepted_ = 0;
    SocketKind kind_;
    bool maybe_more_ = false;  // as in Socket: ask before waiting
};

/// Throws `InvalidState` for a listener that was moved from, `WrongThread`.
[[nodiscard]] ListenSocket& listener_of(const SocketRef<ListenSocket>& socket, const char* what);
/// The same, but for a forked child, which may close what it has inherited.
[[nodiscard]] ListenSocket& listener_to_close(const SocketRef<ListenSocket>& socket,
                                              const char* what);

/// For the public listeners of the same names. `what` is named in errors.
[[nodiscard]] int native_handle_of(const SocketRef<ListenSocket>& socket, const char* what);
[[nodiscard]] int release_listener(const SocketRef<ListenSocket>& socket, const char* what);

/// Makes a listener of a descriptor that listens.
[[nodiscard]] SocketRef<ListenSocket> make_listener(OwnedFd fd, SocketKind kind);

/// The listener object is gone.
void abandon_listener(const SocketRef<ListenSocket>& socket) noexcept;

}  // namespace eddy::inline v0_1::detail
