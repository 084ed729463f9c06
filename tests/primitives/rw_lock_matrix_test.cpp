// SPDX-License-Identifier: MIT
// What happens to an RwLock's waits in every phase; and its write lock as a lock.
#include <cstddef>
#include <optional>

#include <doctest/doctest.h>

#include <eddy/job_info.hpp>
#include <eddy/rw_lock.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/wait_matrix.hpp>

#include "exclusion_suite.hpp"

namespace {

using eddy::ReadGuard;
using eddy::RwLock;
using eddy::Task;
using eddy::WriteGuard;

struct ReadFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit ReadFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { held.emplace(co_await lock.acquire_write()); }
    Task<> wait() { const auto guard = co_await lock.acquire_read(); }
    Task<> wait_again() {
        co_await wait();
        const auto write = co_await lock.acquire_write();  // no reader is left
    }
    void complete() { held.reset(); }
    bool intact() const {
        const auto all = lock.statistics();
        return all.waiters == 0 && all.readers == 0 && all.writing == held.has_value();
    }

    RwLock lock;
    std::optional<WriteGuard> held;
};

struct WriteFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit WriteFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { held.emplace(co_await lock.acquire_read()); }
    Task<> wait() { const auto guard = co_await lock.acquire_write(); }
    Task<> wait_again() { co_await wait(); }
    void complete() { held.reset(); }
    bool intact() const {
        const auto all = lock.statistics();
        return all.waiters == 0 && all.waiting_writers == 0 && !all.writing &&
               all.readers == (held ? 1U : 0U);
    }

    RwLock lock;
    std::optional<ReadGuard> held;
};

struct WriterExclusion {
    RwLock lock;
    auto operation() { return lock.acquire_write(); }
    auto try_acquire() { return lock.try_acquire_write(); }
    bool held() const { return lock.statistics().writing; }
    std::size_t waiters() const { return lock.statistics().waiters; }
    eddy::JobId owner() const { return lock.statistics().writer; }
};

}  // namespace

EDDY_WAIT_MATRIX("RwLock::acquire_read", ReadFixture)
EDDY_WAIT_MATRIX("RwLock::acquire_write", WriteFixture)
EDDY_EXCLUSION_SUITE("an RwLock's write lock", WriterExclusion)
