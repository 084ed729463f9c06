// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <eddy/detail/export.hpp>
#include <eddy/detail/list_link.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/time.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

namespace detail {
class ServeRun;
class Refusal;
class ServedConnection;
}  // namespace detail

/// How `serve` treats connections.
struct EDDY_VISIBLE ServeOptions {
    /// At this many, no more are accepted until one has ended. 0: four fifths of the descriptors
    /// the process may have, at most 10,000.
    /// Of several listeners each may accept one more, which waits for a place.
    detail::Count max_connections = 0;
    /// How long handlers may go on once the server drains; then they are cancelled.
    Duration drain = std::chrono::seconds(30);
    /// What they have left then, to clean up. Those that need longer (an offloaded call that cannot
    /// be abandoned, a shield) are reported and left alone: `serve` returns without them.
    Duration unwind = std::chrono::milliseconds(100);
    /// For how long a connection may stay without a byte in either direction while its handler
    /// waits for the peer: then what waits, and every read and write after it, fails with `IoError`
    /// (`std::errc::timed_out`), no sooner, and a quarter later at most. A handler that computes,
    /// or waits for something else alone, is left in peace; bytes that the peer takes out of the
    /// kernel's buffer count. The limit goes with the stream, also into other jobs. Protocols in
    /// which both sides may rightly be silent send something now and then, or have `no_limit`, or
    /// say when that is (`PeerWatch::may_be_silent`).
    /// For streams with a `PeerWatch`: sockets, memory streams; others have no limit. Virtual time
    /// does not move for this.
    Duration silence = std::chrono::minutes(2);
    static constexpr Duration no_limit = Duration::max();  ///< for `silence`
    /// Pauses after an accept for which the process or the machine was short of something; the
    /// first, doubled each time until the longest. A connection that ends cuts them short.
    Duration first_pause = std::chrono::milliseconds(5);
    Duration longest_pause = std::chrono::milliseconds(100);
    std::string_view name = "connection";  ///< of the jobs; copied
    /// What newcomers are told at the limit: they are accepted, get these bytes, and are closed so
    /// that they can read them although what they have sent is unread (`close_gracefully`). Copied.
    /// Nothing, unless it is given: then nobody is accepted at the limit, and newcomers wait in the
    /// system's queue. Up to 64 at a time are being refused, for a second each, up to 64 KiB of
    /// what they send; beyond that they wait in the queue after all. Not while the server drains.
    std::string_view refusal = {};
};

struct EDDY_VISIBLE ServeStatistics {
    std::size_t active = 0;      ///< connections now
    std::size_t peak = 0;        ///< the most there were
    std::uint64_t accepted = 0;  ///< the sum of `active` and the next five
    std::uint64_t completed = 0;
    std::uint64_t failed = 0;     ///< handlers that threw
    std::uint64_t cancelled = 0;  ///< handlers that were, or never got to run
    std::uint64_t rejected = 0;   ///< accepted, but closed unserved for want of memory
    std::uint64_t left = 0;       ///< handlers that the drain has left alone; not `active` any more
    std::uint64_t aborted = 0;    ///< gone before they were accepted
    std::uint64_t pauses = 0;     ///< for want of descriptors, memory or leave
    std::uint64_t lost = 0;       ///< of `failed`: because their peer went away
    std::uint64_t refused = 0;    ///< at the limit, with `refusal`; in none of the others
    bool draining = false;
};

/// What `serve` and those who look after it share: the limit, the statistics, and the way to end it
/// well.
///
///     Server server({.max_connections = 1000, .drain = 10s});
///     group.spawn(serve(server, listener, handle));
///     ...
///     server.drain();  // `serve` returns when the last connection has ended
///
/// One server may serve several listeners: limit and statistics are for all of them.
///
/// Throws:   `std::invalid_argument` for options with pauses or a silence not above zero, or a
///           negative drain or unwind.
/// Lifetime: outlives its `serve`s.
class EDDY_API Server final {
public:
    class DrainWait;

    explicit Server(const ServeOptions& options = {});
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    [[nodiscard]] ServeStatistics statistics() const;
    [[nodiscard]] std::size_t max_connections() const noexcept { return limit_; }
    [[nodiscard]] bool draining() const;
    /// `ServeOptions::unwind`.
    [[nodiscard]] Duration unwind() const noexcept { return unwind_; }

    /// Accepts no more, closes the listeners, and lets the handlers that run finish: until
    /// `patience` from now, at once if that is not above zero, then they are cancelled;
    /// `ServeOptions::unwind` later `serve` returns, whatever they do. For good: a `serve` that
    /// comes later returns at once. Called again, it sets that moment anew.
    void drain(Duration patience);
    void drain() { drain(drain_); }

    /// Waits until the server drains: for handlers whose connections could go on for ever, to end
    /// them between two requests.
    ///
    ///     const auto next = co_await select(stream.read_some(buffer), server.wait_draining());
    [[nodiscard]] DrainWait wait_draining();

private:
    friend class detail::ServeRun;
    friend class detail::Refusal;
    friend class detail::ServedConnection;

    // Invariant: active_ connections exist, held_ of them wait until there is room to serve them;
    // refusing_ others are being refused. freed_ is woken with each that ends.
    LoopBound bound_;
    std::size_t limit_;
    Duration drain_;
    Duration unwind_;
    Duration silence_;
    Duration first_pause_;
    Duration longest_pause_;
    std::string name_;
    std::string refusal_;
    std::size_t active_ = 0;
    std::size_t held_ = 0;
    std::size_t refusing_ = 0;
    bool draining_ = false;
    TimePoint end_ = never;  // of meaning once it drains
    ServeStatistics counts_;
    detail::ListLink runs_;
    WaitQueue freed_;
    WaitQueue drain_waiters_;
};

class EDDY_API Server::DrainWait final : public QueuedWaiter {
public:
    explicit DrainWait(Server& server) noexcept : server_(server) {}

    [[nodiscard]] bool try_now();
    void start() noexcept { server_.drain_waiters_.push_back(*this); }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "Server::wait_draining"; }

private:
    Server& server_;
};

inline Server::DrainWait Server::wait_draining() { return DrainWait(*this); }

namespace detail {

/// Options for a server that a task will make, which may run when their texts are gone.
class KeptServeOptions final {
public:
    explicit KeptServeOptions(const ServeOptions& options)
        : options_(options), name_(options.name), refusal_(options.refusal) {}

    [[nodiscard]] ServeOptions get() const noexcept {
        ServeOptions options = options_;
        options.name = name_;
        options.refusal = refusal_;
        return options;
    }

private:
    ServeOptions options_;
    std::string name_;
    std::string refusal_;
};

}  // namespace detail

}  // namespace eddy::inline v0_1
