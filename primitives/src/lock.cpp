// SPDX-License-Identifier: MIT
#include <eddy/lock.hpp>

#include <string>

#include <eddy/error.hpp>

namespace eddy {

Lock::~Lock() {
    EDDY_REQUIRE(!core_.has_waiters(),
                 "a Lock was destroyed while jobs wait on it: end them first, or declare it before "
                 "the group that runs them");
    EDDY_REQUIRE(!core_.held(),
                 "a Lock was destroyed while a guard holds it: drop the guard first, or declare it "
                 "after the lock");
}

bool Lock::locked() const {
    bound_.check("Lock::locked");
    return core_.held();
}

LockStatistics Lock::statistics() const {
    bound_.check("Lock::statistics");
    return {.locked = core_.held(),
            .owner = core_.owner().id(),
            .owner_name = std::string(core_.owner().name()),
            .waiters = core_.waiters()};
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
        throw InvalidState(std::string(what) +
                           ": this guard holds no lock: it was moved from or released, or its "
                           "Condition is waiting");
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

}  // namespace eddy
