// SPDX-License-Identifier: MIT
#include <eddy/as_completed.hpp>

#include <eddy/exception_group.hpp>

namespace eddy::inline v0_1::detail {

void DeliveringNursery::expect(std::size_t count) noexcept {
    while (count-- != 0) {
        ended_.expect();
    }
}

void DeliveringNursery::stop(const std::exception_ptr& error) noexcept {
    stopped_ = true;
    ended_.stop();
    if (is_cancelled(error)) {
        cancel_rest(CancelSource::explicit_call, "as_completed is being left");
    } else if (error) {
        fail(nullptr, error);
    }
    while (const JobRef<Job> job = ended_.pop()) {
        suppress(*job);
    }
}

void DeliveringNursery::child_ended(Job& child) noexcept {
    child.collected = true;
    const bool cut_off = note_interrupted(child);
    if (!settled_ && !cut_off && child.state != JobState::finished) {
        fail(&child, error_of(child));
        stopped_ = true;
        ended_.stop();
    } else if (stopped_) {
        suppress(child);
    } else if (cut_off) {
        ended_.skip();
    } else {
        ended_.push(child);
    }
}

}  // namespace eddy::inline v0_1::detail
