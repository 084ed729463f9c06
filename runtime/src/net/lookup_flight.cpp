// SPDX-License-Identifier: MIT
#include "net/lookup_flight.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "net/sockaddr.hpp"

namespace eddy::inline v0_1::detail {

LookupFlight::LookupFlight(const LookupKey& key)
    : host_(key.host), service_(key.service), family_(key.family) {}

void LookupFlight::look_up() noexcept {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_family = family_;
    const char* const service = service_.empty() ? nullptr : service_.c_str();
    addrinfo* answer = nullptr;
    status_ = getaddrinfo(host_.c_str(), service, &hints, &answer);
    error_ = errno;
    if (status_ == 0 && answer != nullptr) {
        keep(answer);
        freeaddrinfo(answer);
    }
}

/// Once for all who have asked, and here, where no loop waits: a name can have thousands.
void LookupFlight::keep(const addrinfo* answer) noexcept {
    try {
        for (const addrinfo* item = answer; item != nullptr && addresses_.size() < most_addresses;
             item = item->ai_next) {
            const bool known = item->ai_family == AF_INET || item->ai_family == AF_INET6;
            const Address address = known ? from_sockaddr(item->ai_addr) : Address();
            if (known &&
                std::find(addresses_.begin(), addresses_.end(), address) == addresses_.end()) {
                addresses_.push_back(address);
            }
        }
    } catch (const std::bad_alloc&) {
        addresses_.clear();
        status_ = EAI_MEMORY;
    }
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
