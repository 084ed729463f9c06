// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <eddy/detail/exchange.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE QueueStatistics {
    std::size_t capacity = 0;
    std::size_t size = 0;
    std::uint64_t unfinished = 0;  ///< put, and not yet done
    std::size_t putters = 0;       ///< jobs that wait for room
    std::size_t getters = 0;       ///< jobs that wait for an item
    std::size_t joiners = 0;       ///< jobs that wait until all is done
    bool shut_down = false;
};

namespace detail {

/// How the waits of a queue are called, in errors and in the job dump.
struct QueueNames {
    const char* put;
    const char* get;
    const char* next;
};

class QueueJoin;

/// What a queue has besides its items: the work they are, and its end.
class EDDY_API QueueCore : public ExchangeCore {
protected:
    explicit QueueCore(std::size_t capacity) noexcept : ExchangeCore(capacity) {}
    ~QueueCore();

    // For Exchange.
    [[nodiscard]] static std::size_t reserved() noexcept { return 0; }
    [[nodiscard]] bool discards() const noexcept { return dropping_; }
    void accepted() noexcept { ++unfinished_; }
    void discarded(std::size_t count) noexcept;
    static void grant_slot() noexcept {}

    /// Throws: `std::invalid_argument`.
    [[nodiscard]] static std::size_t check_capacity(Count capacity);
    /// Throws: `ClosedResource`.
    void check_open(const char* what) const {
        bound_.check(what);
        if (shut_) [[unlikely]] {
            throw_shut(what);
        }
    }
    [[noreturn]] static void throw_shut(const char* what);
    [[noreturn]] static void throw_drained(const char* what);

    /// Throws: `InvalidState` if all but the stored ones are done.
    void finish_one(std::size_t stored);
    void shut(bool dropping) noexcept;
    [[nodiscard]] QueueStatistics statistics_of(std::size_t size) const;

    // Invariant: dropping_ implies shut_, and that implies that nobody waits to put or get.
    // joiners_ wait only while unfinished_ is not 0.
    bool shut_ = false;
    bool dropping_ = false;

private:
    friend class QueueJoin;

    std::uint64_t unfinished_ = 0;
    WaitQueue joiners_;
};

class QueueJoin final : public QueuedWaiter {
public:
    explicit QueueJoin(QueueCore& queue) noexcept : queue_(queue) {}

    [[nodiscard]] bool try_now() {
        queue_.bound_.check("Queue::join");
        return queue_.unfinished_ == 0;
    }
    void start() { queue_.joiners_.push_back(*this); }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "Queue::join"; }

private:
    QueueCore& queue_;
};

}  // namespace detail
}  // namespace eddy::inline v0_1
