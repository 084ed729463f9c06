// SPDX-License-Identifier: MIT
#include "net/lookup_flight.hpp"

#include <cerrno>
#include <utility>

namespace eddy::inline v0_1::detail {

LookupFlight::LookupFlight(const LookupKey& key)
    : host_(key.host), service_(key.service), family_(key.family) {}

LookupFlight::~LookupFlight() {
    if (answer_ != nullptr) {
        freeaddrinfo(answer_);
    }
}

void LookupFlight::look_up() noexcept {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_family = family_;
    const char* const service = service_.empty() ? nullptr : service_.c_str();
    status_ = getaddrinfo(host_.c_str(), service, &hints, &answer_);
    error_ = errno;
}

/// Once it has landed, in the order in which they have asked. Then it is theirs.
void LookupFlight::tell_all() noexcept {
    const std::shared_ptr<LookupFlight> kept = std::move(self_);
    while (requests_.linked()) {
        auto& request = static_cast<LookupRequest&>(*requests_.next);
        request.unlink_self();
        request.answered();
    }
}

}  // namespace eddy::inline v0_1::detail
