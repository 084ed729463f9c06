// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <eddy/detail/descriptor_wait.hpp>
#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE DescriptorStatistics {
    bool reading = false;           ///< a job waits until it is readable
    bool writing = false;           ///< a job waits until it is writable
    bool awaiting_hang_up = false;  ///< a job waits for the other side to hang up
};

/// A descriptor of any kind that the kernel can watch, and that Eddy has no noun for: another
/// library's socket (libpq, c-ares, libcurl), an inotify, a pidfd, a timerfd, a serial line.
///
///     Descriptor watch = Descriptor::borrow(PQsocket(connection));
///     while (PQisBusy(connection) != 0) {
///         co_await watch.readable();
///         if (PQconsumeInput(connection) == 0) break;  // the library reads
///     }
///
/// It waits; the calls that read and write are the caller's. For connections there is more:
/// `TcpStream::adopt`, `UnixStream::adopt`.
///
/// A wait ends when the kernel says so now (levels): what is left unread ends the next one at once.
/// That is a hint, and the call that follows may still say EAGAIN. An error of the descriptor, and
/// the end of both its sides, end all three kinds of waits: the call that follows says what is
/// wrong.
///
/// A borrowed descriptor is somebody else's. It is never closed here, its flags stay as they are,
/// and while no job waits for it nobody watches it: its owner may close it, and open another one
/// with its number. An adopted one is closed with this object.
///
/// Throws:       waits: `BusyResource` for a second one of the same kind; `ClosedResource` after,
///               or woken by, `close`; `IoError` for a number that is not open any more.
/// Cancellation: at once; nothing is left of the wait.
/// Lifetime:     waits of one that is destroyed end with `ClosedResource`; one that outlives its
///               loop is closed, and what it had borrowed is not.
/// Trap:         the owner of a borrowed one closes it while a job waits for it. In the turn in
///               which the wait began that is noticed, `IoError`, unless the number is another
///               one's by then: the wait is for that one now. Later the kernel says nothing, and
///               the wait does not end.
/// Not here:     urgent data (POLLPRI); edges instead of levels; files and directories, which are
///               always ready.
/// Cost:         a wait asks the kernel once, poll(2). For an adopted one that is all: it stays
///               watched until an event comes that nobody waits for. A borrowed one takes two
///               epoll_ctl and an epoll_wait besides, and a descriptor for as long as this is open.
class EDDY_API Descriptor final {
public:
    /// Takes the descriptor over: makes it non-blocking and close-on-exec, and closes it one day.
    ///
    /// Throws: and it is still the caller's: `std::invalid_argument` for one that is not open or
    ///         cannot be waited for; `InvalidState` outside a loop, and for one that this loop
    ///         watches already; `LoopClosed` when it is ending; `IoError`.
    [[nodiscard]] static Descriptor adopt(int descriptor);

    /// Watches somebody else's, also one that others watch: a stream of this loop, another
    /// `Descriptor`. It may outlive the descriptor.
    ///
    /// Throws: as `adopt`; `IoError` when there are no descriptors left.
    [[nodiscard]] static Descriptor borrow(int descriptor);

    Descriptor(Descriptor&& other) noexcept : watched_(std::exchange(other.watched_, nullptr)) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();

    [[nodiscard]] bool is_open() const;
    [[nodiscard]] DescriptorStatistics statistics() const;
    /// The descriptor, lent, to be read and written.
    ///
    /// Throws: `ClosedResource`.
    [[nodiscard]] int native_handle() const;

    /// Ends it, and its waits with `ClosedResource`; closes what was adopted. Does nothing to a
    /// closed one.
    void close();

    /// Gives it up: as `close`, but the descriptor stays open, and one that was adopted is the
    /// caller's from now on. When this returns, the loop has forgotten it.
    ///
    /// Throws: `ClosedResource`.
    [[nodiscard]] int release();

    /// Waits until there is something to read, or the end, or an error.
    [[nodiscard]] detail::DescriptorWait readable() noexcept {
        return {watched_, detail::Readiness::readable};
    }

    /// Waits until there is room to write, a connection has come about, or there is an error.
    [[nodiscard]] detail::DescriptorWait writable() noexcept {
        return {watched_, detail::Readiness::writable};
    }

    /// Waits until the other side has hung up, whatever is still unread: it has ended its side or
    /// has gone; of a pipe, that nobody has the other end any more. What has no other side does not
    /// hang up. A stream socket that was never connected counts as hung up.
    [[nodiscard]] detail::DescriptorWait hang_up() noexcept {
        return {watched_, detail::Readiness::hang_up};
    }

private:
    explicit Descriptor(detail::WatchedDescriptor* watched) noexcept : watched_(watched) {}
    /// Throws `InvalidState` for one that was moved from, `WrongThread`.
    [[nodiscard]] detail::WatchedDescriptor& watched(const char* what) const;

    detail::WatchedDescriptor* watched_;  // counted; null: moved from
};

}  // namespace eddy::inline v0_1
