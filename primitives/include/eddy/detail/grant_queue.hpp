// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <eddy/detail/export.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

class GrantQueue;

/// A request for an amount of something, all or nothing.
class EDDY_API GrantWait : public QueuedWaiter {
public:
    [[nodiscard]] std::int64_t amount() const noexcept { return amount_; }

protected:
    GrantWait(GrantQueue& queue, std::int64_t amount) noexcept : queue_(queue), amount_(amount) {}

    enum class Answer : std::uint8_t { none, granted, closed };

    Answer answer_ = Answer::none;

private:
    friend class GrantQueue;
    void unlink() noexcept final;
    void pass_on() noexcept final;

    GrantQueue& queue_;
    std::int64_t amount_;
};

/// First come, first served: what hands out permits, tokens and rates, and keeps those who wait for
/// them. A request is granted whole; the first in the queue is never overtaken by a smaller one.
///
/// Invariant: unless committing_, the first waiter's request does not fit (of a limiter, whose
///            level rises by itself: or its alarm is due); nobody in the queue has an answer.
class EDDY_API GrantQueue {
public:
    GrantQueue(const GrantQueue&) = delete;
    GrantQueue& operator=(const GrantQueue&) = delete;

protected:
    GrantQueue() noexcept = default;
    virtual ~GrantQueue() = default;

    /// What `wait` asks for can be had now.
    [[nodiscard]] virtual bool fits(const GrantWait& wait) const noexcept = 0;
    /// Gives it, if it fits.
    [[nodiscard]] virtual bool grant(GrantWait& wait) noexcept = 0;
    /// `wait` was granted, and its frame has died: takes it back. Ends with `grant_all`.
    virtual void take_back(GrantWait& wait) noexcept = 0;
    /// `wait` has left the queue without a grant. Ends with `grant_all`.
    virtual void left(GrantWait& wait) noexcept {
        static_cast<void>(wait);
        grant_all();
    }

    [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
    [[nodiscard]] GrantWait* front() const noexcept {
        return static_cast<GrantWait*>(waiting_.front());
    }
    void add(GrantWait& wait) noexcept {
        wait.answer_ = GrantWait::Answer::none;
        waiting_.push_back(wait);
    }

    /// Commits from the front as long as `grant` can; to be called whenever there may be more.
    void grant_all() noexcept;
    /// Commits all, ungranted.
    void close_all() noexcept;

    /// In debug builds every change looks.
    void check_invariants() const noexcept;

private:
    friend class GrantWait;
    WaitQueue waiting_;
    bool committing_ = false;
};

}  // namespace eddy::inline v0_1::detail
