// SPDX-License-Identifier: MIT
#include <eddy/race.hpp>

#include <stdexcept>

#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

void RaceNursery::child_ended(Job& child) noexcept {
    child.collected = true;
    if (winner_ != nullptr || failed()) {
        suppress(child);
        return;
    }
    if (!note_interrupted(child)) {
        winner_ = &child;
        cancel_rest(CancelSource::explicit_call, "another task won the race");
    }
}

Job& RaceNursery::leave_to_winner() {
    if (winner_ != nullptr) {
        forget_interruption();
    }
    leave();
    EDDY_ASSERT(winner_ != nullptr);  // it throws otherwise
    return *winner_;
}

void throw_no_runners() {
    throw std::invalid_argument("race needs at least one task: none was given");
}

}  // namespace eddy::inline v0_1::detail
