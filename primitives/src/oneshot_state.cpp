// SPDX-License-Identifier: MIT
#include <eddy/detail/oneshot_state.hpp>

#include <string>

#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

void throw_oneshot_used(const char* what) {
    throw InvalidState(std::string(what) + ": this sender has sent its value, or was moved from");
}

void OneshotCore::require_here() const noexcept {
    EDDY_REQUIRE(bound_.here(),
                 "an end of a Oneshot was destroyed on another thread than its loop's: "
                 "destroy it there, or use a Portal");
}

void OneshotCore::drop_sender() noexcept {
    sender_ = false;
    end_all(takers_, End::drained);
}

void OneshotCore::refuse() noexcept {
    refused_ = true;
    end_all(takers_, End::closed);
}

void OneshotCore::throw_over(ExchangeWait::End end, const char* what) const {
    if (end == End::closed) {
        throw ClosedResource(std::string(what) + ": this receiver has been closed");
    }
    if (sent_) {
        throw EndOfStream(std::string(what) + ": the value has been received");
    }
    throw BrokenResource(std::string(what) + ": the sender is gone and has not sent a value");
}

}  // namespace eddy::inline v0_1::detail
