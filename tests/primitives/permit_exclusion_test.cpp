// SPDX-License-Identifier: MIT
// A semaphore of one permit and a limiter of one token exclude like a lock.
#include <cstddef>

#include <eddy/capacity_limiter.hpp>
#include <eddy/semaphore.hpp>

#include "exclusion_suite.hpp"

namespace {

struct SemaphoreExclusion {
    eddy::Semaphore semaphore{1, 1};
    auto operation() { return semaphore.acquire(); }
    auto try_acquire() { return semaphore.try_acquire(); }
    [[nodiscard]] bool held() const { return semaphore.value() == 0; }
    [[nodiscard]] std::size_t waiters() const { return semaphore.statistics().waiters; }
};

struct CapacityLimiterExclusion {
    eddy::CapacityLimiter limiter{1};
    auto operation() { return limiter.acquire(); }
    auto try_acquire() { return limiter.try_acquire(); }
    [[nodiscard]] bool held() const { return limiter.available() == 0; }
    [[nodiscard]] std::size_t waiters() const { return limiter.statistics().waiters; }
};

}  // namespace

EDDY_EXCLUSION_SUITE("Semaphore(1)", SemaphoreExclusion)
EDDY_EXCLUSION_SUITE("CapacityLimiter(1)", CapacityLimiterExclusion)
