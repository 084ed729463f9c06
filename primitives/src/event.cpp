// SPDX-License-Identifier: MIT
#include <eddy/event.hpp>

#include <memory>

#include <eddy/remote_event.hpp>
#include <eddy/require.hpp>

#include "remote_flag.hpp"

namespace eddy::inline v0_1 {

Event::Event() = default;

Event::~Event() {
    EDDY_NO_USER(waiting_.empty(),
                 "an Event was destroyed while jobs wait on it: set it, or end them first");
    if (remote_) {
        remote_->close();
    }
}

bool Event::is_set() const {
    bound_.check("Event::is_set");
    return set_;
}

EventStatistics Event::statistics() const {
    bound_.check("Event::statistics");
    return {.set = set_, .waiters = waiting_.size()};
}

void Event::set() {
    bound_.check("Event::set");
    set_now();
}

void Event::set_now() noexcept {
    set_ = true;
    waiting_.wake_all();
}

RemoteEvent Event::remote() {
    bound_.check("Event::remote");
    if (!remote_ || remote_->closed()) {  // closed: by the end of an earlier loop
        remote_ = std::make_shared<detail::RemoteFlag>(*this);
    }
    return RemoteEvent(remote_);
}

bool Event::Wait::try_now() {
    event_.bound_.check("Event::wait");
    return event_.set_;
}

void Event::Wait::start() { event_.waiting_.push_back(*this); }

}  // namespace eddy::inline v0_1
