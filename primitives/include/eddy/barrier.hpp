// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE BarrierStatistics {
    std::size_t parties = 0;
    std::size_t waiters = 0;   ///< have come in this round
    std::uint64_t rounds = 0;  ///< completed so far
    bool broken = false;
};

/// A meeting point: jobs wait until `parties` of them have come, then all go on, round after round.
///
/// To wait until other jobs have *ended* use a group; to count down once, from anywhere, `Latch`.
///
///     Barrier phase(4);
///     const auto index = co_await phase.wait();  // in four jobs
///     if (index == 0) prepare_next_phase();      // in one of them
///
/// The last to come completes the round there and then: the others are granted in its `wait`, and
/// it does not wait itself. Whoever comes next, even before the others have run, waits in the next
/// round.
///
/// A job is one party, however many waits it has on the barrier: those of one `select` come
/// together and leave together.
///
/// Throws:   `std::invalid_argument` for no parties, or a negative number of them.
/// Order:    the index is the place in the order of arrival, among those who stayed: 0 for the
///           first, `parties - 1` for the last, each once in a round.
/// Lifetime: a barrier outlives its waiters.
class EDDY_API Barrier final {
public:
    class Wait;

    explicit Barrier(detail::Count parties);
    Barrier(const Barrier&) = delete;
    Barrier& operator=(const Barrier&) = delete;
    ~Barrier();

    [[nodiscard]] std::size_t parties() const noexcept { return parties_; }
    [[nodiscard]] bool broken() const;
    [[nodiscard]] BarrierStatistics statistics() const;

    /// Starts afresh, also when it was broken: who waits gets `BrokenBarrier`, who comes later
    /// finds it empty. A round that was complete stays complete.
    void reset();

    /// Breaks it: who waits gets `BrokenBarrier`, and so does who comes later, until `reset`.
    void abort();

    /// Waits until the round is complete; the index in it.
    ///
    /// Throws:       `BrokenBarrier`.
    /// Cancellation: the job has not come; one more has to.
    [[nodiscard]] Wait wait();

private:
    void complete_round() noexcept;
    void break_round() noexcept;

    // Invariant: waiters_ is how many in waiting_ count, less than parties_, and 0 when broken; of
    // the waits of one select the first counts.
    LoopBound bound_;
    std::size_t parties_;
    std::size_t waiters_ = 0;
    std::uint64_t rounds_ = 0;
    bool broken_ = false;
    WaitQueue waiting_;
};

class EDDY_API Barrier::Wait final : public QueuedWaiter {
public:
    explicit Wait(Barrier& barrier) noexcept : barrier_(barrier) {}

    [[nodiscard]] bool try_now();
    void start() noexcept;
    [[nodiscard]] std::size_t take() const;
    [[nodiscard]] const char* what() const noexcept override { return "Barrier::wait"; }

private:
    friend class Barrier;
    static constexpr std::size_t broken = static_cast<std::size_t>(-1);

    void unlink() noexcept override;
    /// Another wait of this one's select has come to the barrier.
    [[nodiscard]] bool has_come() const noexcept;

    Barrier& barrier_;
    std::size_t index_ = 0;
    bool counts_ = true;
};

inline Barrier::Wait Barrier::wait() { return Wait(*this); }

}  // namespace eddy::inline v0_1
