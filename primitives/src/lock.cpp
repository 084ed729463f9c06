// SPDX-License-Identifier: MIT
#include <eddy/lock.hpp>

#include <string>

namespace eddy::inline v0_1 {

LockStatistics detail::statistics_of(const LockCore& core) {
    return {.locked = core.held(),
            .owner = core.owner().id(),
            .owner_name = std::string(core.owner().name()),
            .waiters = core.waiters()};
}

Lock::~Lock() {
    EDDY_NO_USER(!core_.has_waiters(),
                 "a Lock was destroyed while jobs wait on it: end them first, or declare it before "
                 "the group that runs them");
    EDDY_NO_USER(!core_.held(),
                 "a Lock was destroyed while a guard holds it: drop the guard first, or declare it "
                 "after the lock");
}

bool Lock::locked() const {
    bound_.check("Lock::locked");
    return core_.held();
}

LockStatistics Lock::statistics() const {
    bound_.check("Lock::statistics");
    return detail::statistics_of(core_);
}

std::optional<LockGuard> Lock::try_acquire() {
    bound_.check("Lock::try_acquire");
    if (!core_.try_acquire("Lock::try_acquire")) {
        return std::nullopt;
    }
    return LockGuard(*this);
}

Lock& LockGuard::require(const char* what) const {
    if (lock_ == nullptr) {
        detail::LockCore::refuse_empty_guard(what);
    }
    return *lock_;
}

void LockGuard::adopt() {
    Lock& lock = require("LockGuard::adopt");
    lock.bound_.check("LockGuard::adopt");
    lock.core_.adopt();
}

void LockGuard::release() {
    Lock& lock = require("LockGuard::release");
    lock.bound_.check("LockGuard::release");
    lock_ = nullptr;
    lock.core_.release();
}

}  // namespace eddy::inline v0_1
