// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <eddy/borrower.hpp>
#include <eddy/detail/borrower_table.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/grant_queue.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/loop_bound.hpp>

namespace eddy::inline v0_1 {

class CapacityToken;

struct EDDY_VISIBLE CapacityLimiterStatistics {
    std::int64_t borrowed = 0;
    std::int64_t total = 0;
    std::vector<Borrower> borrowers;  ///< in no order
    std::size_t waiters = 0;
};

/// How many may do something at the same time, one token each; the number can change at any time.
///
///     CapacityLimiter uploads(4);
///     const CapacityToken token = co_await uploads.acquire();  // until the end of the block
///     uploads.set_total(0);  // pause: nobody new gets in
///
/// It knows who has its tokens: the current job, or somebody else it is acquired on behalf of. So
/// it notices a borrower who asks twice, which with a `Semaphore` would end as a deadlock. Where
/// jobs take several, or others give them back, use that.
///
/// Throws:       `InvalidState` when the borrower has a token, or waits for one, already; or when
///               there is no job to borrow for. `std::invalid_argument` for a negative total.
/// Cancellation: the borrower leaves the queue; nobody else can tell.
/// Order:        first come, first served; a newcomer queues behind who waits. Nobody runs inside
///               `set_total` or the end of a token; `available` shows the grant at once.
/// Lifetime:     outlives its waiters and tokens.
/// Cost:         constant, on average; no allocation, but to make room for more borrowers and
///               waiters than there have ever been.
/// Source:       trio's CapacityLimiter; anyio issues 398, 947, 1145 and 1170.
class EDDY_API CapacityLimiter final : private detail::GrantQueue {
public:
    class Acquire;

    /// As many as come.
    static constexpr std::int64_t infinite = std::numeric_limits<std::int64_t>::max();

    explicit CapacityLimiter(detail::Amount total);
    ~CapacityLimiter() override;

    [[nodiscard]] std::int64_t total() const;
    /// Less than what is borrowed evicts nobody: until enough are back, nobody new gets in. More
    /// lets in who waits, as many as there is room for.
    void set_total(detail::Amount total);

    [[nodiscard]] std::int64_t borrowed() const;
    /// `total() - borrowed()`, negative after a shrink; `infinite` when the total is.
    [[nodiscard]] std::int64_t available() const;
    [[nodiscard]] CapacityLimiterStatistics statistics() const;

    /// A token for the current job if there is one now and nobody waits, else nothing.
    [[nodiscard]] std::optional<CapacityToken> try_acquire();
    [[nodiscard]] std::optional<CapacityToken> try_acquire_on_behalf_of(Borrower borrower);

    /// Waits for a token, for the current job.
    [[nodiscard]] Acquire acquire();
    /// Waits for a token, for a borrower who need not be a job.
    [[nodiscard]] Acquire acquire_on_behalf_of(Borrower borrower);

private:
    friend class CapacityToken;

    [[nodiscard]] bool take_now(const Borrower& borrower);
    void require_stranger(const Borrower& borrower) const;
    void give_back(const Borrower& borrower) noexcept;
    [[nodiscard]] bool fits(const detail::GrantWait& wait) const noexcept override;
    [[nodiscard]] bool grant(detail::GrantWait& wait) noexcept override;
    void take_back(detail::GrantWait& wait) noexcept override;
    void left(detail::GrantWait& wait) noexcept override;

    // Invariant: who waits is in the table as waiting, who has a token as borrowing: borrowed_.
    // Somebody waits only while borrowed_ >= total_.
    LoopBound bound_;
    std::int64_t total_;
    std::int64_t borrowed_ = 0;
    detail::BorrowerTable table_;
};

/// A token of a limiter, given back when this ends, in whatever job: moving it to another one does
/// not change whose it is.
///
/// Requires: the thread of the limiter's loop, and the limiter, are still there when it ends.
class [[nodiscard]] EDDY_API CapacityToken final {
public:
    CapacityToken(CapacityToken&& other) noexcept
        : limiter_(std::exchange(other.limiter_, nullptr)), borrower_(other.borrower_) {}
    /// Gives back first what this one holds.
    CapacityToken& operator=(CapacityToken&& other) noexcept {
        if (this != &other) {
            release();
            limiter_ = std::exchange(other.limiter_, nullptr);
            borrower_ = other.borrower_;
        }
        return *this;
    }
    ~CapacityToken() { release(); }

    /// True while it holds a token: not once moved from or released.
    [[nodiscard]] explicit operator bool() const noexcept { return limiter_ != nullptr; }
    /// The same, as it was called once.
    [[nodiscard]] bool held() const noexcept { return limiter_ != nullptr; }
    [[nodiscard]] const Borrower& borrower() const noexcept { return borrower_; }

    /// Gives it back now.
    void release() noexcept;

private:
    friend class CapacityLimiter;
    explicit CapacityToken(CapacityLimiter& limiter, const Borrower& borrower) noexcept
        : limiter_(&limiter), borrower_(borrower) {}

    CapacityLimiter* limiter_;
    Borrower borrower_;
};

class EDDY_API CapacityLimiter::Acquire final : public detail::GrantWait {
public:
    explicit Acquire(CapacityLimiter& limiter, std::optional<Borrower> borrower) noexcept
        : GrantWait(limiter, 1),
          limiter_(limiter),
          borrower_(borrower),
          for_caller_(!borrower.has_value()) {}

    [[nodiscard]] bool try_now();
    void start();
    [[nodiscard]] CapacityToken take() const noexcept {
        return CapacityToken(limiter_, borrower());
    }
    [[nodiscard]] const char* what() const noexcept override { return "CapacityLimiter::acquire"; }

private:
    /// For whom: known from `try_now` on, which comes before everything else.
    [[nodiscard]] const Borrower& borrower() const noexcept {
        return *borrower_;  // NOLINT(bugprone-unchecked-optional-access)
    }
    friend class CapacityLimiter;

    CapacityLimiter& limiter_;
    std::optional<Borrower> borrower_;
    bool for_caller_;  // the borrower is the job that awaits, each time
};

inline CapacityLimiter::Acquire CapacityLimiter::acquire() { return Acquire(*this, std::nullopt); }
inline CapacityLimiter::Acquire CapacityLimiter::acquire_on_behalf_of(Borrower borrower) {
    return Acquire(*this, borrower);
}

}  // namespace eddy::inline v0_1
