// SPDX-License-Identifier: MIT
#include "fs/leased.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include <eddy/detail/call_stopped.hpp>

namespace eddy::inline v0_1::detail {

bool LeasePatience::wait() {
    constexpr unsigned longest_pause = 50;
    constexpr unsigned longest = 60'000;
    stop_if_asked();
    if (waited_ >= longest) {
        errno = EWOULDBLOCK;
        return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_));
    waited_ += pause_;
    pause_ = std::min(pause_ * 2, longest_pause);
    return true;
}

}  // namespace eddy::inline v0_1::detail
