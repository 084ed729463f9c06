// SPDX-License-Identifier: MIT
#include <eddy/barrier.hpp>

#include <stdexcept>

#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

namespace {

[[noreturn]] void throw_broken() {
    throw BrokenBarrier(
        "Barrier::wait: the barrier was aborted, or reset while this job waited; reset() makes it "
        "usable again");
}

}  // namespace

Barrier::Barrier(detail::Count parties) : parties_(parties.checked("Barrier: the parties")) {
    if (parties_ == 0) {
        throw std::invalid_argument("Barrier: it takes at least one party");
    }
}

Barrier::~Barrier() {
    EDDY_NO_USER(waiting_.empty(),
                 "a Barrier was destroyed while jobs wait on it: abort() it, or end them first");
}

bool Barrier::broken() const {
    bound_.check("Barrier::broken");
    return broken_;
}

BarrierStatistics Barrier::statistics() const {
    bound_.check("Barrier::statistics");
    return {.parties = parties_, .waiters = waiters_, .rounds = rounds_, .broken = broken_};
}

void Barrier::reset() {
    bound_.check("Barrier::reset");
    broken_ = false;
    break_round();
}

void Barrier::abort() {
    bound_.check("Barrier::abort");
    broken_ = true;
    break_round();
}

/// Commits who waits, in order. The last to come is not among them: its index is parties_ - 1.
void Barrier::complete_round() noexcept {
    ++rounds_;
    std::size_t index = 0;
    while (QueuedWaiter* waiter = waiting_.pop_front()) {
        auto& wait = static_cast<Wait&>(*waiter);
        if (wait.counts_) {
            --waiters_;
            wait.index_ = index++;
        }
        wait.commit();  // takes the others of its select out: they are behind it
    }
}

void Barrier::break_round() noexcept {
    while (QueuedWaiter* waiter = waiting_.pop_front()) {
        auto& wait = static_cast<Wait&>(*waiter);
        waiters_ -= wait.counts_ ? 1U : 0U;
        wait.index_ = Wait::broken;
        wait.commit();
    }
}

/// Nobody else comes while a select starts its operations: they are the last ones.
bool Barrier::Wait::has_come() const noexcept {
    const QueuedWaiter* const first = barrier_.waiting_.front();
    if (first == nullptr || !rivals(*this)) {
        return false;
    }
    const detail::ListLink& last = *first->prev->prev;
    return rivals(static_cast<const Wait&>(static_cast<const QueuedWaiter&>(last)));
}

bool Barrier::Wait::try_now() {
    barrier_.bound_.check("Barrier::wait");
    if (barrier_.broken_) {
        throw_broken();
    }
    if (barrier_.waiters_ + 1 < barrier_.parties_ || has_come()) {
        return false;
    }
    index_ = barrier_.parties_ - 1;
    barrier_.complete_round();
    return true;
}

void Barrier::Wait::start() noexcept {
    counts_ = !has_come();
    if (barrier_.waiters_ + 1 < barrier_.parties_ || !counts_) {
        barrier_.waiters_ += counts_ ? 1U : 0U;
        barrier_.waiting_.push_back(*this);
        return;
    }
    // A predicate or a callback of the same select has let others come in between.
    index_ = barrier_.parties_ - 1;
    barrier_.complete_round();
    commit();
}

std::size_t Barrier::Wait::take() const {
    if (index_ == broken) {
        throw_broken();
    }
    return index_;
}

void Barrier::Wait::unlink() noexcept {
    unlink_self();
    barrier_.waiters_ -= counts_ ? 1U : 0U;
}

}  // namespace eddy::inline v0_1
