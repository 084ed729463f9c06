// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>

#include <eddy/detail/list_link.hpp>
#include <eddy/time.hpp>

namespace eddy {

namespace detail {
class SilenceLimit;
}  // namespace detail

/// What a server's limit on silence (`ServeOptions::silence`) sees of a connection: since when no
/// byte has moved while a job waits for the peer, and how to end that.
///
/// The socket streams and the test kit's memory streams have one. A stream of your own that a
/// listener of yours accepts is limited too if it has one, and says so with a function
///
///     PeerWatch& peer_watch();
///
/// The connection calls `moved` for bytes in either direction, `wait_began` when a read or a write
/// has to wait for the peer, `wait_stopped` when one that waited is given up (cancelled, or not
/// chosen by a `select`).
///
/// Threading: the loop's.
/// Lifetime:  part of the connection, not of the stream object that is moved about. May outlive
///            the loop, which lets go of it.
/// Cost:      each call is a store; nothing allocates, nobody reads a clock.
class PeerWatch : private detail::ListLink {
public:
    PeerWatch(const PeerWatch&) = delete;
    PeerWatch& operator=(const PeerWatch&) = delete;

protected:
    PeerWatch() noexcept = default;
    virtual ~PeerWatch() { leave(); }

    void moved() noexcept;
    void wait_began() noexcept;
    void wait_stopped() noexcept;
    /// The connection is closed. Does nothing to one that nobody limits.
    void leave() noexcept;

    /// Throws `IoError` with `std::errc::timed_out`: "`what`: the peer was silent for 120 s".
    [[noreturn]] void throw_silent(std::string_view what) const;

private:
    friend class detail::SilenceLimit;

    /// A read or a write waits for the peer.
    [[nodiscard]] virtual bool waits_for_peer() const noexcept = 0;
    /// Bytes that were written and have not arrived: while they become fewer, the peer is not
    /// silent. Asked when its time is nearly up, and when it is.
    [[nodiscard]] virtual std::size_t undelivered() const noexcept { return 0; }
    /// The peer was silent for too long: what waits, and whatever comes later, fails with `IoError`
    /// (`std::errc::timed_out`). Commits waiters, runs no user code. Called once.
    virtual void peer_was_silent() noexcept = 0;

    // Invariant: limit_ != nullptr if and only if it is linked in the ring of that limit.
    detail::SilenceLimit* limit_ = nullptr;
    TimePoint quiet_since_{};               // no byte since then, and somebody waits since then
    TimePoint stopped_ = TimePoint::min();  // when a wait was given up: may come back this turn
    std::size_t undelivered_ = 0;           // a look ago, when the time was nearly up
};

/// Streams whose peers a server can hold to a limit.
template <class S>
concept PeerWatched = requires(S& stream) {
    { stream.peer_watch() } -> std::same_as<PeerWatch&>;
};

}  // namespace eddy

#include <eddy/detail/silence_limit.hpp>

namespace eddy {

inline void PeerWatch::moved() noexcept {
    if (limit_ != nullptr) {
        quiet_since_ = limit_->turn_time();
    }
}

/// A loop around a `select` that comes back to the same read has waited all the time.
inline void PeerWatch::wait_began() noexcept {
    if (limit_ != nullptr && limit_->turn_time() != stopped_) {
        quiet_since_ = limit_->turn_time();
    }
}

inline void PeerWatch::wait_stopped() noexcept {
    if (limit_ != nullptr) {
        stopped_ = limit_->turn_time();
    }
}

}  // namespace eddy
