// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include <eddy/detail/export.hpp>
#include <eddy/detail/signal_wait.hpp>
#include <eddy/loop_bound.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE SignalSetStatistics {
    std::uint64_t received = 0;   ///< that this set was told of
    std::uint64_t coalesced = 0;  ///< of these, dropped: one of the same number was still kept
    std::size_t pending = 0;      ///< numbers that are kept for the next wait
    std::size_t waiters = 0;
};

/// The process's signals, as something a job can wait for.
///
///     SignalSet signals{SIGTERM, SIGHUP};
///     while (true) {
///         const int number = co_await signals.next();
///         if (number == SIGTERM) break;
///         reload();
///     }
///
/// From its construction to its destruction the signals of a set do not do what they do by default.
/// One that arrives while nobody waits is kept, but at most one of each number: signals say that
/// something happened, not how often, and the system merges them too. Every set of the process,
/// on whatever loop, is told of every signal; within a set each goes to one waiter.
///
/// Beside `RunOptions::handle_signals` both happen: the set yields the signal, and the loop is
/// cancelled. To drain first, `serve_until_signal`, or leave that option off and wait here.
///
/// Throws:   constructor: `std::invalid_argument` for an empty set and for numbers that cannot be
///           caught; `InvalidState` outside a loop, `LoopClosed` when it is ending, `IoError`.
/// Order:    numbers in order of arrival, to waiters in order of arrival.
/// Lifetime: a set outlives its waiters. It does not keep a host's loop running.
/// Cost:     two allocations; none per signal.
class EDDY_API SignalSet final {
public:
    class Next;

    SignalSet(std::initializer_list<int> numbers)
        : SignalSet(std::span<const int>(numbers.begin(), numbers.size())) {}
    explicit SignalSet(std::span<const int> numbers);
    SignalSet(const SignalSet&) = delete;
    SignalSet& operator=(const SignalSet&) = delete;
    ~SignalSet();

    [[nodiscard]] SignalSetStatistics statistics() const;

    /// Waits for the next signal, or takes one that is kept; returns its number.
    ///
    /// Throws: `LoopClosed` when the set's loop is over.
    [[nodiscard]] Next next();

private:
    LoopBound bound_;
    detail::SignalWatch* watch_;
};

class EDDY_API SignalSet::Next final : public detail::SignalWait {
public:
    explicit Next(const LoopBound& bound, detail::SignalWatch& watch) noexcept
        : bound_(bound), watch_(watch) {}

    [[nodiscard]] bool try_now();
    void start();
    [[nodiscard]] int take() const noexcept { return number(); }
    [[nodiscard]] const char* what() const noexcept override { return "SignalSet::next"; }

private:
    void pass_on() noexcept override;

    const LoopBound& bound_;
    detail::SignalWatch& watch_;
};

}  // namespace eddy::inline v0_1
