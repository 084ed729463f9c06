// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <eddy/detail/export.hpp>
#include <eddy/detail/list_link.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

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
/// has to wait for the peer, `wait_stopped` when one that waited leaves without it (cancelled, or
/// not chosen by a `select`).
///
/// Threading: the loop's.
/// Lifetime:  part of the connection, not of the stream object that is moved about. May outlive the
///            loop, which forgets it.
/// Cost:      each call is a store; nothing allocates, nobody reads a clock.
class EDDY_API PeerWatch : private detail::ListLink {
public:
    PeerWatch(const PeerWatch&) = delete;
    PeerWatch& operator=(const PeerWatch&) = delete;

    /// From now on the peer may be silent, or may not any more: for a protocol that has states in
    /// which it has nothing to say, and waits for us (it has subscribed to something). It still has
    /// to take what it is sent, and when it may be silent no more it has all the time again.
    void may_be_silent(bool may) noexcept {
        may_be_silent_ = may;
        stirred_ = true;
    }

protected:
    PeerWatch() noexcept = default;
    virtual ~PeerWatch() { leave(); }

    void moved() noexcept;
    void wait_began() noexcept;
    void wait_stopped() noexcept;
    /// The connection is closed. Does nothing to one that nobody limits.
    void leave() noexcept;

    [[nodiscard]] bool may_come_back(std::uint64_t turn) const noexcept {
        return turn <= back_until_;
    }

    /// Throws `IoError` with `std::errc::timed_out`: "`what`: the peer was silent for 120 s".
    [[noreturn]] void throw_silent(std::string_view what) const;

private:
    friend class detail::SilenceLimit;

    /// A read or a write waits for the peer.
    [[nodiscard]] virtual bool waits_for_peer() const noexcept = 0;
    /// Bytes that were written and have not arrived: while they become fewer, the peer is not
    /// silent. Asked at looks, as long as there are any.
    [[nodiscard]] virtual std::size_t undelivered() const noexcept { return 0; }
    /// The peer was silent for too long: what waits, and whatever comes later, fails with `IoError`
    /// (`std::errc::timed_out`). Commits waiters, runs no user code. Called once.
    virtual void peer_was_silent() noexcept = 0;

    // Invariant: limit_ != nullptr if and only if it is linked in the ring of that limit.
    detail::SilenceLimit* limit_ = nullptr;
    TimePoint quiet_since_{};       // the first look that found no byte moved and somebody waiting
    std::uint64_t back_until_ = 0;  // the turn until which a wait that has left may come back
    std::size_t undelivered_ = 0;   // a look ago
    bool stirred_ = false;          // since the last look a byte has moved, or a wait has begun
    bool may_be_silent_ = false;
};

/// Streams whose peers a server can hold to a limit.
template <class S>
concept PeerWatched = requires(S& stream) {
    { stream.peer_watch() } -> std::same_as<PeerWatch&>;
};

}  // namespace eddy::inline v0_1

#include <eddy/detail/silence_limit.hpp>

namespace eddy::inline v0_1 {

inline void PeerWatch::moved() noexcept { stirred_ = true; }

/// A loop around a `select` that comes back to the same read has waited all the time.
inline void PeerWatch::wait_began() noexcept {
    if (limit_ != nullptr && !may_come_back(limit_->turn_number())) {
        stirred_ = true;
    }
}

/// What has ended a wait in a poll, or in the turn before, may run a turn later.
inline void PeerWatch::wait_stopped() noexcept {
    if (limit_ != nullptr) {
        back_until_ = limit_->turn_number() + 2;
    }
}

}  // namespace eddy::inline v0_1
