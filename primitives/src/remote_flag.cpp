// SPDX-License-Identifier: MIT
#include "remote_flag.hpp"

#include <atomic>
#include <cstdint>
#include <utility>

#include <eddy/event.hpp>

namespace eddy::inline v0_1::detail {

bool RemoteFlag::set() noexcept {
    if (inherited()) [[unlikely]] {
        return false;
    }
    // release: what the thread did before is seen by whom the event wakes. Pairs with the inbox,
    // or with the acquire of closing().
    const std::uint32_t before = word_.fetch_or(set_bit, std::memory_order_release);
    if (before == 0) {
        knock();  // refused by a loop that has ended: then closing() has seen the bit
    }
    return (before & closed_bit) == 0;
}

void RemoteFlag::answer() {
    if (event_ != nullptr) {
        // acquire: a thread whose set() found the bit has not knocked, but wrote it too.
        static_cast<void>(word_.load(std::memory_order_acquire));
        event_->set_now();
    }
}

void RemoteFlag::closing() {
    Event& event = *std::exchange(event_, nullptr);
    if ((word_.fetch_or(closed_bit, std::memory_order_acq_rel) & set_bit) != 0) {
        event.set_now();
    }
}

void RemoteFlag::close() noexcept {
    if (event_ != nullptr) {
        event_ = nullptr;
        word_.fetch_or(closed_bit, std::memory_order_release);
        shut();
    }
}

}  // namespace eddy::inline v0_1::detail
