// SPDX-License-Identifier: MIT
// What happens to an RwLock's waits in every phase, its write lock as a lock, broken contracts.
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/job_info.hpp>
#include <eddy/rw_lock.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>

#include "broken_contract.hpp"
#include "exclusion_suite.hpp"

namespace {

using eddy::ReadGuard;
using eddy::RwLock;
using eddy::Task;
using eddy::WriteGuard;
using eddy::testing::settle;

struct ReadFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit ReadFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { held.emplace(co_await lock.acquire_write()); }
    auto operation() { return lock.acquire_read(); }
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
    auto operation() { return lock.acquire_write(); }
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

Task<WriteGuard> takes_write(RwLock& lock) { co_return co_await lock.acquire_write(); }

}  // namespace

TEST_CASE("broken contracts of an RwLock say what to do") {
    eddy::testing::check_aborts("an RwLock was destroyed while jobs wait on it", []() -> Task<> {
        auto lock = std::make_unique<RwLock>();
        const auto guard = co_await lock->acquire_read();
        eddy::spawn(takes_write(*lock)).detach();
        co_await settle();
        lock.reset();
    });
    eddy::testing::check_aborts("an RwLock was destroyed while a guard holds it", [] {
        auto lock = std::make_unique<RwLock>();
        const auto guard = lock->try_acquire_read();
        lock.reset();
    });
    eddy::testing::check_aborts("a ReadGuard was dropped on another thread", []() -> Task<> {
        RwLock lock;
        std::optional<ReadGuard> guard(co_await lock.acquire_read());
        std::thread([&] { guard.reset(); }).join();
    });
    eddy::testing::check_aborts("a WriteGuard was dropped on another thread", []() -> Task<> {
        RwLock lock;
        std::optional<WriteGuard> guard(co_await lock.acquire_write());
        std::thread([&] { guard.reset(); }).join();
    });
}

EDDY_WAIT_MATRIX("RwLock::acquire_read", ReadFixture)
EDDY_WAIT_MATRIX("RwLock::acquire_write", WriteFixture)
EDDY_EXCLUSION_SUITE("an RwLock's write lock", WriterExclusion)
