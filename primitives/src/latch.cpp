// SPDX-License-Identifier: MIT
#include <eddy/latch.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>

#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

Latch::Latch(detail::Amount count) : count_(count.checked("Latch")) {
    if (count_ < 0) {
        throw std::invalid_argument("Latch: the count is negative: " + std::to_string(count_));
    }
}

Latch::~Latch() {
    EDDY_NO_USER(waiting_.empty(),
                 "a Latch was destroyed while jobs wait on it: end them first, or keep it longer");
}

std::int64_t Latch::count() const {
    bound_.check("Latch::count");
    return count_;
}

LatchStatistics Latch::statistics() const {
    bound_.check("Latch::statistics");
    return {.count = count_, .waiters = waiting_.size()};
}

void Latch::count_down(detail::Amount given) {
    bound_.check("Latch::count_down");
    const std::int64_t amount = given.checked("Latch::count_down");
    if (amount < 0) {
        throw std::invalid_argument("Latch::count_down: the amount is negative: " +
                                    std::to_string(amount));
    }
    if (amount > count_) {
        throw std::out_of_range("Latch::count_down: " + std::to_string(amount) +
                                " is more than the " + std::to_string(count_) +
                                " that are still to come");
    }
    count_ -= amount;
    if (count_ == 0) {
        waiting_.wake_all();
    }
}

bool Latch::Wait::try_now() {
    latch_.bound_.check("Latch::wait");
    return latch_.count_ == 0;
}

void Latch::Wait::start() { latch_.waiting_.push_back(*this); }

}  // namespace eddy::inline v0_1
