// SPDX-License-Identifier: MIT
#include <eddy/detail/feed.hpp>

#include <string>

#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

void Feed::require_here() const noexcept {
    EDDY_REQUIRE(bound_.here(),
                 "an end of a Broadcast or Watch was destroyed on another thread than its "
                 "loop's: destroy it there");
}

void Feed::close() noexcept {
    closed_ = true;
    while (QueuedWaiter* const waiter = waiting_.pop_front()) {
        static_cast<FeedWait*>(waiter)->end_ = FeedWait::End::drained;
        waiter->commit();
    }
}

void Feed::check_open(const char* what) const {
    bound_.check(what);
    if (closed_) {
        throw ClosedResource(std::string(what) + ": it has been closed; nothing was published");
    }
}

// --- subscribers -------------------------------------------------------------------------------

void Subscription::close() noexcept {
    if (closed_) {
        return;
    }
    closed_ = true;
    --feed_->subscribers_;
    WaitQueue ended;  // first all are found: a commit may take others out, those of its select
    for (std::size_t left = feed_->waiting_.size(); left != 0; --left) {
        QueuedWaiter* const waiter = feed_->waiting_.pop_front();
        const bool mine = &static_cast<FeedWait*>(waiter)->subscription() == this;
        (mine ? ended : feed_->waiting_).push_back(*waiter);
    }
    while (QueuedWaiter* const waiter = ended.pop_front()) {
        static_cast<FeedWait*>(waiter)->end_ = FeedWait::End::closed;
        waiter->commit();
    }
}

void Subscription::check(const char* what) const {
    feed_->check(what);
    if (closed_) {
        throw ClosedResource(std::string(what) +
                             ": this receiver has been closed; keep a copy to go on");
    }
}

void Subscription::check_idle(const char* what) const {
    if (reader_ != nullptr) {
        throw BusyResource(std::string(what) +
                           ": another job waits through this receiver; give each job a copy");
    }
}

// --- waits -------------------------------------------------------------------------------------

bool FeedWait::try_now() {
    subscription_->check(what());
    if (exclusive_) {
        subscription_->check_idle(what());
    }
    end_ = End::news;
    if (!subscription_->has_news()) {
        if (!subscription_->feed().closed()) {
            return false;
        }
        end_ = End::drained;
    }
    subscription_->reader_ = exclusive_ ? this : nullptr;
    return true;
}

void FeedWait::start() {
    if (exclusive_) {
        subscription_->check_idle(what());  // one `select` may have two
        subscription_->reader_ = this;
    }
    subscription_->feed().waiting_.push_back(*this);
}

bool FeedWait::finish() {
    release();
    if (end_ == End::closed) {
        throw ClosedResource(std::string(what()) +
                             ": this receiver was closed while a job waited through it");
    }
    return end_ == End::news;
}

void FeedWait::throw_ended() const {
    throw EndOfStream(std::string(what()) + ": it has been closed and there is nothing unseen");
}

void FeedWait::release() noexcept {
    if (subscription_->reader_ == this) {
        subscription_->reader_ = nullptr;
    }
}

void FeedWait::unlink() noexcept {
    release();
    unlink_self();
}

void FeedWait::pass_on() noexcept { release(); }

}  // namespace eddy::inline v0_1::detail
