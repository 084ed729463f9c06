// SPDX-License-Identifier: MIT
#include <eddy/semaphore.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>

#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

namespace {

void require_not_negative(const char* what, std::int64_t permits) {
    if (permits < 0) {
        throw std::invalid_argument(
            std::string(what) + ": the number of permits is negative: " + std::to_string(permits));
    }
}

[[noreturn]] void throw_closed() {
    throw ClosedResource("Semaphore::acquire: it is closed, and grants nothing any more");
}

}  // namespace

Semaphore::Semaphore(detail::Amount initial, detail::Amount max)
    : value_(initial.checked("Semaphore")), max_(max.checked("Semaphore")) {
    require_not_negative("Semaphore", value_);
    if (value_ > max_) {
        throw std::invalid_argument("Semaphore: it would start with " + std::to_string(value_) +
                                    " permits, more than its maximum of " + std::to_string(max_));
    }
}

Semaphore::~Semaphore() {
    EDDY_NO_USER(empty(),
                 "a Semaphore was destroyed while jobs wait on it: close() it, or end them first");
    EDDY_NO_USER(
        held_ == 0,
        "a Semaphore was destroyed while a Permit of it is held: let it go, or forget() it");
}

std::int64_t Semaphore::value() const {
    bound_.check("Semaphore::value");
    return value_;
}

std::int64_t Semaphore::max() const {
    bound_.check("Semaphore::max");
    return max_;
}

bool Semaphore::closed() const {
    bound_.check("Semaphore::closed");
    return closed_;
}

bool Semaphore::locked() const {
    bound_.check("Semaphore::locked");
    return value_ == 0 || !empty();
}

SemaphoreStatistics Semaphore::statistics() const {
    bound_.check("Semaphore::statistics");
    return {.value = value_, .max = max_, .held = held_, .waiters = size(), .closed = closed_};
}

void Semaphore::release(detail::Amount given) {
    bound_.check("Semaphore::release");
    const std::int64_t permits = given.checked("Semaphore::release");
    require_not_negative("Semaphore::release", permits);
    if (permits > max_ - value_ - held_) {
        throw std::out_of_range("Semaphore::release: " + std::to_string(permits) +
                                " more would make " + std::to_string(value_ + held_) +
                                " permits (" + std::to_string(held_) +
                                " of them held, which come back by themselves) exceed the maximum "
                                "of " +
                                std::to_string(max_));
    }
    value_ += permits;
    grant_all();
}

std::int64_t Semaphore::forget_permits(detail::Amount given) {
    bound_.check("Semaphore::forget_permits");
    const std::int64_t permits = given.checked("Semaphore::forget_permits");
    require_not_negative("Semaphore::forget_permits", permits);
    const std::int64_t forgotten = std::min(permits, value_);
    value_ -= forgotten;
    return forgotten;
}

void Semaphore::close() {
    bound_.check("Semaphore::close");
    closed_ = true;
    close_all();
}

std::optional<Permit> Semaphore::try_acquire(detail::Amount given) {
    bound_.check("Semaphore::try_acquire");
    const std::int64_t permits = given.checked("Semaphore::try_acquire");
    if (!take_now(permits)) {
        return std::nullopt;
    }
    return Permit(*this, permits);
}

/// Everything but a request that can be granted at once. True for one that asks for nothing.
bool Semaphore::take_unusual(std::int64_t permits) const {
    require_not_negative("Semaphore::acquire", permits);
    if (permits > max_) {
        throw std::invalid_argument("Semaphore::acquire: " + std::to_string(permits) +
                                    " permits will never be there, the maximum is " +
                                    std::to_string(max_));
    }
    if (closed_) {
        throw_closed();
    }
    return permits == 0;
}

bool Semaphore::fits(const detail::GrantWait& wait) const noexcept {
    return wait.amount() <= value_;
}

bool Semaphore::grant(detail::GrantWait& wait) noexcept {
    if (!fits(wait)) {
        return false;
    }
    value_ -= wait.amount();
    held_ += wait.amount();
    return true;
}

Permit Semaphore::Acquire::take() {
    if (answer_ == Answer::closed) {
        throw_closed();
    }
    return Permit(semaphore_, amount());
}

// --- Permit ------------------------------------------------------------------------------------

void Permit::forget() {
    if (count_ != 0) {
        semaphore_->bound_.check("Permit::forget");
        semaphore_->held_ -= std::exchange(count_, 0);
    }
}

Permit Permit::split(detail::Amount given) {
    semaphore_->bound_.check("Permit::split");
    const std::int64_t permits = given.checked("Permit::split");
    if (permits < 0 || permits > count_) {
        throw std::invalid_argument("Permit::split: " + std::to_string(permits) + " of " +
                                    std::to_string(count_));
    }
    count_ -= permits;
    return Permit(*semaphore_, permits);
}

void Permit::merge(Permit&& other) {
    semaphore_->bound_.check("Permit::merge");
    if (other.semaphore_ != semaphore_) {
        throw std::invalid_argument("Permit::merge: the other one is of another semaphore");
    }
    count_ += std::exchange(other.count_, 0);
}

}  // namespace eddy::inline v0_1
