// SPDX-License-Identifier: MIT
#include <eddy/rw_lock.hpp>

#include <string>
#include <utility>

#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

namespace {

/// The lock that a guard releases, for a call that the user made.
RwLock& required(RwLock* lock, const char* what) {
    if (lock == nullptr) {
        detail::LockCore::refuse_empty_guard(what);
    }
    return *lock;
}

}  // namespace

RwLock::~RwLock() {
    EDDY_NO_USER(waiting_.empty(),
                 "an RwLock was destroyed while jobs wait on it: end them first, or declare it "
                 "before the group that runs them");
    EDDY_NO_USER(readers_ == 0 && !writer_.held(),
                 "an RwLock was destroyed while a guard holds it: drop the guard first, or declare "
                 "it after the lock");
}

RwLockStatistics RwLock::statistics() const {
    bound_.check("RwLock::statistics");
    return {.readers = readers_,
            .writing = writer_.held(),
            .writer = writer_.id(),
            .writer_name = std::string(writer_.name()),
            .waiters = waiting_.size(),
            .waiting_writers = waiting_writers_};
}

bool RwLock::try_read(const char* what) {
    bound_.check(what);
    if (!writer_.held() && waiting_.empty()) {
        ++readers_;
        return true;
    }
    if (writer_.is_this_job()) {
        detail::LockCore::refuse_owner(what);
    }
    return false;
}

bool RwLock::try_write(const char* what) {
    bound_.check(what);
    if (!writer_.held() && readers_ == 0) {
        writer_.set(detail::thread_state.job);
        return true;
    }
    if (writer_.is_this_job()) {
        detail::LockCore::refuse_owner(what);
    }
    return false;
}

std::optional<ReadGuard> RwLock::try_acquire_read() {
    if (!try_read("RwLock::try_acquire_read")) {
        return std::nullopt;
    }
    return ReadGuard(*this);
}

std::optional<WriteGuard> RwLock::try_acquire_write() {
    if (!try_write("RwLock::try_acquire_write")) {
        return std::nullopt;
    }
    return WriteGuard(*this);
}

void RwLock::end_read() noexcept {
    --readers_;
    admit();
}

void RwLock::end_write() noexcept {
    writer_.clear();
    admit();
}

void RwLock::downgrade() noexcept {
    writer_.clear();
    readers_ = 1;
    admit();
}

/// Grants to the head of the queue as long as it fits. A commit may come back here through a select
/// that leaves another place in this queue: each round looks at the state anew.
void RwLock::admit() noexcept {
    while (QueuedWaiter* front = waiting_.front()) {
        auto& next = static_cast<Wait&>(*front);
        if (writer_.held() || (next.writes_ && readers_ != 0)) {
            return;
        }
        next.unlink_self();
        if (next.writes_) {
            --waiting_writers_;
            writer_.set(detail::job_of(next));
        } else {
            ++readers_;
        }
        next.commit();
    }
}

void RwLock::Wait::start() noexcept {
    lock_.waiting_.push_back(*this);
    lock_.waiting_writers_ += writes_ ? 1 : 0;
    lock_.admit();
}

void RwLock::Wait::unlink() noexcept {
    unlink_self();
    lock_.waiting_writers_ -= writes_ ? 1 : 0;
    lock_.admit();
}

void RwLock::Wait::pass_on() noexcept {
    if (writes_) {
        lock_.end_write();
    } else {
        lock_.end_read();
    }
}

// --- guards ------------------------------------------------------------------------------------

void ReadGuard::drop() noexcept {
    if (lock_ != nullptr) {
        EDDY_REQUIRE(lock_->bound_.here(),
                     "a ReadGuard was dropped on another thread than its lock's loop: move it back "
                     "with LoopHandle::post first");
        std::exchange(lock_, nullptr)->end_read();
    }
}

void ReadGuard::release() {
    RwLock& lock = required(lock_, "ReadGuard::release");
    lock.bound_.check("ReadGuard::release");
    lock_ = nullptr;
    lock.end_read();
}

void WriteGuard::drop() noexcept {
    if (lock_ != nullptr) {
        EDDY_REQUIRE(lock_->bound_.here(),
                     "a WriteGuard was dropped on another thread than its lock's loop: move it "
                     "back with LoopHandle::post first");
        std::exchange(lock_, nullptr)->end_write();
    }
}

void WriteGuard::adopt() {
    RwLock& lock = required(lock_, "WriteGuard::adopt");
    lock.bound_.check("WriteGuard::adopt");
    lock.writer_.set(detail::thread_state.job);
}

void WriteGuard::release() {
    RwLock& lock = required(lock_, "WriteGuard::release");
    lock.bound_.check("WriteGuard::release");
    lock_ = nullptr;
    lock.end_write();
}

ReadGuard WriteGuard::downgrade() && {
    RwLock& lock = required(lock_, "WriteGuard::downgrade");
    lock.bound_.check("WriteGuard::downgrade");
    lock_ = nullptr;
    lock.downgrade();
    return ReadGuard(lock);
}

}  // namespace eddy::inline v0_1
