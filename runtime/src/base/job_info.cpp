// SPDX-License-Identifier: MIT
#include <eddy/job_info.hpp>

namespace eddy::inline v0_1 {

std::string_view to_string(JobState state) noexcept {
    switch (state) {
        case JobState::pending:
            return "pending";
        case JobState::cancelling:
            return "cancelling";
        case JobState::finished:
            return "finished";
        case JobState::failed:
            return "failed";
        case JobState::cancelled:
            return "cancelled";
    }
    return "unknown";
}

}  // namespace eddy::inline v0_1
