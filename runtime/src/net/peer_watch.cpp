// SPDX-License-Identifier: MIT
#include <eddy/net/peer_watch.hpp>

#include <chrono>
#include <string>
#include <system_error>

#include <eddy/detail/peer_gone.hpp>
#include <eddy/detail/silence_limit.hpp>

namespace eddy::inline v0_1 {

void PeerWatch::leave() noexcept {
    if (limit_ != nullptr) {
        limit_->let_go(*this);
    }
}

void PeerWatch::throw_silent(std::string_view what) const {
    using std::chrono::milliseconds;
    std::string text = std::string(what) + ": the peer was silent";
    if (limit_ != nullptr) {
        const auto limit = std::chrono::ceil<milliseconds>(limit_->limit()).count();
        text += " for ";
        text +=
            limit % 1000 == 0 ? std::to_string(limit / 1000) + " s" : std::to_string(limit) + " ms";
    }
    throw detail::PeerSilent(std::make_error_code(std::errc::timed_out), text);
}

}  // namespace eddy::inline v0_1
