// SPDX-License-Identifier: MIT
#include <eddy/error.hpp>

#include <string>
#include <string_view>

namespace eddy::inline v0_1 {

std::string_view to_string(CancelSource source) noexcept {
    switch (source) {
        case CancelSource::explicit_call:
            return "cancel";
        case CancelSource::deadline:
            return "deadline";
        case CancelSource::group:
            return "failure in the group";
        case CancelSource::shutdown:
            return "shutdown";
    }
    return "unknown";
}

CancelSource Cancelled::source() const noexcept { return cause_->source; }
const std::string& Cancelled::reason() const noexcept { return cause_->reason; }
const std::string& Cancelled::origin() const noexcept { return cause_->origin; }

std::string Cancelled::message() const {
    std::string text = "cancelled by ";
    text += to_string(cause_->source);
    if (!cause_->origin.empty()) {
        text += " of " + cause_->origin;
    }
    if (!cause_->reason.empty()) {
        text += ": " + cause_->reason;
    }
    return text;
}

}  // namespace eddy::inline v0_1
