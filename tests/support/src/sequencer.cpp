// SPDX-License-Identifier: MIT
#include <eddy/testing/sequencer.hpp>

#include <eddy/error.hpp>

namespace eddy::testing {

Sequencer::Step::~Step() {
    if (owner_ != nullptr) {
        ++owner_->next_;
        owner_->open_ = false;
        owner_->wake_next();
    }
}

void Sequencer::wake_next() noexcept {
    WaitQueue others;
    while (QueuedWaiter* queued = waiting_.pop_front()) {
        auto* wait = static_cast<Wait*>(queued);
        if (broken_) {
            wait->commit();
        } else if (!open_ && wait->number_ == next_) {
            open_ = true;
            wait->commit();
        } else {
            others.push_back(*wait);
        }
    }
    while (QueuedWaiter* queued = others.pop_front()) {
        waiting_.push_back(*queued);
    }
}

void Sequencer::broken_by(Wait&) noexcept {
    broken_ = true;
    wake_next();
}

bool Sequencer::Wait::try_now() {
    if (owner_.broken_) {
        return true;
    }
    if (number_ < owner_.next_ || (number_ == owner_.next_ && owner_.open_)) {
        had_its_turn_ = true;
        throw InvalidState("Sequencer: this step has begun already");
    }
    if (number_ != owner_.next_) {
        return false;
    }
    owner_.open_ = true;
    had_its_turn_ = true;
    return true;
}

Sequencer::Step Sequencer::Wait::take() {
    had_its_turn_ = true;
    if (owner_.broken_) {
        throw BrokenResource("Sequencer: a job was cancelled before its step");
    }
    return Step(owner_);
}

void Sequencer::Wait::unlink() noexcept {
    unlink_self();
    owner_.broken_by(*this);
}

void Sequencer::Wait::pass_on() noexcept { owner_.broken_by(*this); }

}  // namespace eddy::testing
