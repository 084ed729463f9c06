// SPDX-License-Identifier: MIT
#include <eddy/resettable_event.hpp>

#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

ResettableEvent::~ResettableEvent() {
    EDDY_NO_USER(
        waiting_.empty(),
        "a ResettableEvent was destroyed while jobs wait on it: set it, or end them first");
}

bool ResettableEvent::is_set() const {
    bound_.check("ResettableEvent::is_set");
    return set_;
}

ResettableEventStatistics ResettableEvent::statistics() const {
    bound_.check("ResettableEvent::statistics");
    return {.set = set_, .waiters = waiting_.size()};
}

void ResettableEvent::set() {
    bound_.check("ResettableEvent::set");
    set_ = true;
    waiting_.wake_all();
}

void ResettableEvent::clear() {
    bound_.check("ResettableEvent::clear");
    set_ = false;
}

bool ResettableEvent::Wait::try_now() {
    event_.bound_.check("ResettableEvent::wait");
    return event_.set_;
}

void ResettableEvent::Wait::start() { event_.waiting_.push_back(*this); }

}  // namespace eddy::inline v0_1
