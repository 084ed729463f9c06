// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/local_ref.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/wait_queue.hpp>

/// What `Broadcast` and `Watch` are made of: something is published, again and again, and every
/// subscriber has a place of its own in that sequence. Nothing is taken out, so nothing has to be
/// put back: a wait ends because there is something beyond the subscriber's place, and the place
/// moves when the job runs.

namespace eddy::inline v0_1::detail {

class FeedWait;

/// The type-free half: how much has been published, and who waits for more.
class EDDY_API Feed : public LocalShared {
public:
    /// Throws: `WrongThread`.
    void check(const char* what) const { bound_.check(what); }
    void require_here() const noexcept;

    /// What subscribers have not seen can still be seen; those who wait are told that it ends.
    void close() noexcept;
    [[nodiscard]] bool closed() const noexcept { return closed_; }
    /// Throws: `ClosedResource`.
    void check_open(const char* what) const;

    [[nodiscard]] std::uint64_t published() const noexcept { return published_; }
    [[nodiscard]] std::size_t subscribers() const noexcept { return subscribers_; }
    [[nodiscard]] std::size_t waiters() const noexcept { return waiting_.size(); }

protected:
    Feed() = default;
    ~Feed() override = default;

    /// The next one is there.
    void publish() noexcept {
        ++published_;
        waiting_.wake_all();
    }

private:
    friend class Subscription;
    friend class FeedWait;

    // Invariant: who waits has seen everything, and the feed is not closed.
    LoopBound bound_;
    std::uint64_t published_ = 0;
    std::size_t subscribers_ = 0;
    bool closed_ = false;
    WaitQueue waiting_;
};

/// One subscriber: shared by its handle and by the waits through it, so the handle may move or go.
class EDDY_API Subscription final : public LocalShared {
public:
    /// Begins after what has been published.
    explicit Subscription(LocalRef<Feed> feed) noexcept
        : feed_(std::move(feed)), seen_(feed_->published_) {
        ++feed_->subscribers_;
    }
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;
    ~Subscription() override = default;

    [[nodiscard]] Feed& feed() const noexcept { return *feed_; }
    [[nodiscard]] std::uint64_t seen() const noexcept { return seen_; }
    void see(std::uint64_t up_to) noexcept { seen_ = up_to; }
    [[nodiscard]] bool has_news() const noexcept { return seen_ != feed_->published_; }

    [[nodiscard]] bool closed() const noexcept { return closed_; }
    /// Ends the waits through it.
    void close() noexcept;

    /// Throws: `WrongThread`, `ClosedResource` if its handle was closed.
    void check(const char* what) const;
    /// Throws: `BusyResource` while a job waits to read through it.
    void check_idle(const char* what) const;

private:
    friend class FeedWait;

    LocalRef<Feed> feed_;
    std::uint64_t seen_;
    bool closed_ = false;
    const FeedWait* reader_ = nullptr;  // the one wait that may read, if only one may
};

/// A wait until there is something the subscriber has not seen.
class EDDY_API FeedWait : public QueuedWaiter {
public:
    [[nodiscard]] bool try_now();
    void start();

protected:
    enum class End : std::uint8_t { news, closed, drained };
    /// `exclusive`: one wait at a time, because what it reads is read once.
    explicit FeedWait(LocalRef<Subscription> subscription, bool exclusive) noexcept
        : subscription_(std::move(subscription)), exclusive_(exclusive) {}
    ~FeedWait() override = default;

    /// True: there are news. False: there will not be any. Throws: `ClosedResource`.
    [[nodiscard]] bool finish();
    [[noreturn]] void throw_ended() const;
    [[nodiscard]] Subscription& subscription() const noexcept { return *subscription_; }

private:
    friend class Feed;
    friend class Subscription;

    void unlink() noexcept override;
    void pass_on() noexcept override;
    void release() noexcept;

    LocalRef<Subscription> subscription_;
    bool exclusive_;
    End end_ = End::news;
};

/// The handle of a subscriber, on a feed of class F: copies are subscribers of their own, which
/// have seen as much.
template <class F>
class SubscriberHandle final {
public:
    explicit SubscriberHandle(const LocalRef<F>& feed)
        : subscription_(new Subscription(LocalRef<Feed>(&*feed))) {}
    SubscriberHandle(const SubscriberHandle& other) {
        const Subscription& model = *other.get("copy of a receiver");
        subscription_ = LocalRef<Subscription>(new Subscription(LocalRef<Feed>(&model.feed())));
        subscription_->see(model.seen());
        if (model.closed()) {
            subscription_->close();
        }
    }
    SubscriberHandle(SubscriberHandle&& other) noexcept = default;
    SubscriberHandle& operator=(SubscriberHandle other) noexcept {
        std::swap(subscription_, other.subscription_);
        return *this;
    }
    ~SubscriberHandle() {
        if (subscription_) {
            subscription_->feed().require_here();
            subscription_->close();
        }
    }

    /// Throws: `WrongThread`, `InvalidState` if it was moved from.
    [[nodiscard]] const LocalRef<Subscription>& get(const char* what) const {
        if (!subscription_) [[unlikely]] {
            throw_moved_from(what);
        }
        subscription_->feed().check(what);
        return subscription_;
    }
    [[nodiscard]] F& feed(const char* what) const { return static_cast<F&>(get(what)->feed()); }
    [[nodiscard]] bool closed() const noexcept { return !subscription_ || subscription_->closed(); }

private:
    LocalRef<Subscription> subscription_;  // null when moved from
};

}  // namespace eddy::inline v0_1::detail
