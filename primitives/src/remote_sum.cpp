// SPDX-License-Identifier: MIT
#include "remote_sum.hpp"

#include <atomic>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <utility>

#include <eddy/counter.hpp>

namespace eddy::inline v0_1::detail {

namespace {
constexpr const char* name = "RemoteCounter: the sum";
}

bool RemoteSum::add(std::int64_t delta) {
    if (inherited()) [[unlikely]] {
        return false;
    }
    // relaxed: orders nothing; a stale look costs one delta of the room there is
    const std::int64_t seen = word_.load(std::memory_order_relaxed);
    if ((seen & closed_bit) != 0) {
        return false;
    }
    if (seen >= most || seen <= -most) [[unlikely]] {
        throw std::out_of_range(
            "RemoteCounter::add: 2^60 have piled up because the loop does not come round to take "
            "them; something blocks it");
    }
    // release: what the thread did before is seen by whom the change wakes. Pairs with the acquire
    // of answer(), closing() and close().
    const std::int64_t old = word_.fetch_add(delta * unit, std::memory_order_release);
    if ((old & closed_bit) != 0) {
        return false;
    }
    if ((old & knocked_bit) == 0) {
        // acquire: the door has been left by the last answer. Pairs with the release of answer().
        const std::int64_t before = word_.fetch_or(knocked_bit, std::memory_order_acquire);
        if ((before & (knocked_bit | closed_bit)) == 0) {
            knock();  // refused by a loop that has ended: then closing() has taken the sum
        }
    }
    return true;
}

void RemoteSum::answer() {
    if (refused_) {
        std::rethrow_exception(std::exchange(refused_, nullptr));
    }
    const std::int64_t old = word_.fetch_and(closed_bit, std::memory_order_acq_rel);
    if ((old & closed_bit) == 0) {
        counter_->change_by(sum_of(old), name);
    }
}

void RemoteSum::closing() {
    Counter& counter = *std::exchange(counter_, nullptr);
    const std::int64_t old = word_.fetch_or(closed_bit, std::memory_order_acq_rel);
    counter.change_by(sum_of(old), name);
}

void RemoteSum::close(Last last) noexcept {
    if (counter_ == nullptr) {
        return;
    }
    Counter& counter = *std::exchange(counter_, nullptr);
    const std::int64_t old = word_.fetch_or(closed_bit | knocked_bit, std::memory_order_acq_rel);
    shut();
    if (last == Last::drop) {
        return;
    }
    try {
        counter.change_by(sum_of(old), name);
    } catch (...) {
        refused_ = std::current_exception();
        if ((old & knocked_bit) == 0) {
            knock();
        }
    }
}

}  // namespace eddy::inline v0_1::detail
