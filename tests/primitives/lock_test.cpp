// SPDX-License-Identifier: MIT
#include <eddy/lock.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "exclusion_suite.hpp"
#include "heap_hooks.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Lock;
using eddy::LockGuard;
using eddy::Task;
using eddy::testing::heap_counters;
using eddy::testing::settle;

class LockFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit LockFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { held_.emplace(co_await lock_.acquire()); }
    auto operation() { return lock_.acquire(); }
    Task<> wait() { const auto guard = co_await lock_.acquire(); }
    Task<> wait_again() { co_await wait(); }
    void complete() { held_.reset(); }
    bool intact() const { return lock_.statistics().waiters == 0 && lock_.locked() == !!held_; }

private:
    Lock lock_;
    std::optional<LockGuard> held_;
};

struct LockExclusion {
    Lock lock;
    auto operation() { return lock.acquire(); }
    auto try_acquire() { return lock.try_acquire(); }
    bool held() const { return lock.locked(); }
    std::size_t waiters() const { return lock.statistics().waiters; }
    eddy::JobId owner() const { return lock.statistics().owner; }
};

/// Takes the lock and keeps it until told otherwise.
Task<> keeps(Lock& lock, eddy::Event& enough) {
    const auto guard = co_await lock.acquire();
    co_await enough.wait();
}

Task<LockGuard> takes(Lock& lock) { co_return co_await lock.acquire(); }

Task<eddy::JobId> adopts(Lock& lock, LockGuard guard, eddy::JobId before) {
    CHECK(lock.statistics().owner == before);  // a move alone changes nothing
    guard.adopt();
    CHECK(lock.statistics().owner_name == "heir");
    CHECK_THROWS_AS(static_cast<void>(lock.try_acquire()), eddy::InvalidState);
    co_return lock.statistics().owner;
}

Task<> takes_often(Lock& lock, int times) {
    for (int i = 0; i < times; ++i) {
        const auto guard = co_await lock.acquire();
        co_await eddy::yield();
    }
}

Task<> reads_yields_writes(int& counter, Lock* lock) {
    for (int i = 0; i < 100; ++i) {
        std::optional<LockGuard> guard;
        if (lock != nullptr) {
            guard.emplace(co_await lock->acquire());
        }
        const int seen = counter;
        co_await eddy::yield();
        counter = seen + 1;
    }
}

}  // namespace

EDDY_TEST_CASE("a counter that is read, yielded over and written loses nothing under a lock") {
    int counter = 0;
    Lock lock;
    for (Lock* used : {static_cast<Lock*>(nullptr), &lock}) {
        counter = 0;
        std::vector<eddy::JoinHandle<void>> jobs;
        for (int i = 0; i < 3; ++i) {
            jobs.push_back(eddy::spawn(reads_yields_writes(counter, used)));
        }
        for (auto& job : jobs) {
            co_await job;
        }
        CHECK((counter == 300) == (used != nullptr));
    }
}

EDDY_TEST_CASE("the statistics name the owner and count who waits") {
    Lock lock;
    CHECK_FALSE(lock.locked());
    CHECK(lock.statistics().owner == 0);
    CHECK(lock.statistics().owner_name.empty());
    eddy::Event enough;
    auto first = eddy::spawn(keeps(lock, enough), {.name = "first"});
    co_await settle();
    eddy::Event more;
    auto second = eddy::spawn(keeps(lock, more));
    co_await settle();
    CHECK(lock.locked());
    CHECK(lock.statistics().locked);
    CHECK(lock.statistics().owner == first.id());
    CHECK(lock.statistics().owner_name == "first");
    CHECK(lock.statistics().waiters == 1);
    enough.set();
    co_await first;
    CHECK(lock.statistics().owner == second.id());
    CHECK(lock.statistics().owner_name.empty());
    CHECK(lock.statistics().waiters == 0);
    more.set();
    co_await second;
    CHECK_FALSE(lock.locked());
    CHECK(lock.statistics().owner == 0);
}

EDDY_TEST_CASE("the owner's name can be read after its job has ended") {
    Lock lock;
    auto job = eddy::spawn(takes(lock), {.name = "a name too long for any small string"});
    const eddy::JobId id = job.id();
    std::optional<LockGuard> guard(co_await std::move(job));
    job = eddy::spawn(takes(lock));  // the old job is gone
    co_await settle();
    CHECK(lock.statistics().owner == id);
    CHECK(lock.statistics().owner_name == "a name too long for any small string");
    guard.reset();
    CHECK(lock.statistics().owner == job.id());
    CHECK(lock.statistics().owner_name.empty());
    static_cast<void>(co_await job);
}

EDDY_TEST_CASE("a job that ends releases what it holds, collected or not (trio 3035)") {
    Lock lock;
    eddy::spawn(takes(lock), {.name = "returns its guard to nobody"}).detach();
    co_await settle();
    CHECK_FALSE(lock.locked());
    auto failing = eddy::spawn(
        [](Lock& l) -> Task<> {
            const auto guard = co_await l.acquire();
            co_await eddy::yield();
            throw std::runtime_error("while it holds the lock");
        },
        std::ref(lock));
    co_await settle();
    CHECK_FALSE(lock.locked());
    const auto guard = co_await lock.acquire();
    CHECK(guard.holds(lock));
    bool failed = false;
    try {
        co_await failing;
    } catch (const std::runtime_error&) {
        failed = true;
    }
    CHECK(failed);
}

EDDY_TEST_CASE("the owner that asks again is refused, not left to wait for itself") {
    Lock lock;
    const auto guard = co_await lock.acquire();
    CHECK_THROWS_AS(static_cast<void>(lock.try_acquire()), eddy::InvalidState);
    std::string said;
    try {
        const auto again = co_await lock.acquire();
    } catch (const std::logic_error& error) {
        said = error.what();
    }
    CHECK(said.find("Lock::acquire: this job holds the lock already") != std::string::npos);
    CHECK(lock.statistics().waiters == 0);
    CHECK(lock.locked());
}

EDDY_TEST_CASE("a guard changes its owner where it is adopted") {
    Lock lock;
    auto guard = co_await lock.acquire();
    const eddy::JobId main = lock.statistics().owner;
    auto adopting = eddy::spawn(adopts(lock, std::move(guard), main), {.name = "heir"});
    CHECK_FALSE(guard);
    const eddy::JobId owner = co_await adopting;
    CHECK(owner == adopting.id());
    CHECK_FALSE(lock.locked());
    CHECK_THROWS_AS(guard.adopt(), eddy::InvalidState);
}

EDDY_TEST_CASE("the job that gave its guard away may ask again, and waits") {
    Lock lock;
    auto guard = co_await lock.acquire();
    auto heir = eddy::spawn(
        [](LockGuard moved) -> Task<> {
            moved.adopt();
            co_await eddy::sleep_for(1s);
        },
        std::move(guard));
    co_await settle();
    const auto again = co_await lock.acquire();
    CHECK(again.holds(lock));
    co_await heir;
}

EDDY_TEST_CASE("a guard can be released early, once") {
    Lock lock;
    Lock other;
    auto guard = co_await lock.acquire();
    CHECK(guard);
    CHECK(guard.holds(lock));
    CHECK_FALSE(guard.holds(other));
    auto waiting = eddy::spawn(takes(lock));
    co_await settle();
    guard.release();
    CHECK_FALSE(guard);
    CHECK(lock.statistics().owner == waiting.id());
    CHECK_THROWS_AS(guard.release(), eddy::InvalidState);
    CHECK(lock.locked());
    static_cast<void>(co_await waiting);
}

EDDY_TEST_CASE("callbacks outside of jobs may try, and own the lock without being a job") {
    Lock lock;
    std::optional<LockGuard> guard;
    bool refused = false;
    eddy::call_later(1s, [&] {
        guard = std::nullopt;
        guard.emplace(*lock.try_acquire());
        refused = !lock.try_acquire().has_value();  // not an error: it could be another callback
    });
    co_await eddy::sleep_for(2s);
    CHECK(refused);
    CHECK(lock.locked());
    CHECK(lock.statistics().owner == 0);
    CHECK(lock.statistics().owner_name.empty());
    guard->adopt();
    CHECK(lock.statistics().owner != 0);
}

TEST_CASE("a lock works before and after its loop") {
    Lock lock;
    auto before = lock.try_acquire();
    CHECK(before.has_value());
    before.reset();
    std::optional<LockGuard> after;
    eddy::run([](Lock& l, std::optional<LockGuard>& out) -> Task<> {
        out.emplace(co_await l.acquire());
    }(lock, after));
    CHECK(lock.statistics().owner == 1);
    after.reset();
    CHECK_FALSE(lock.locked());
}

EDDY_TEST_CASE("a lock waited for twice in one select is taken once") {
    Lock lock;
    auto held = lock.try_acquire();
    std::size_t index = 9;
    auto chooser = eddy::spawn(
        [](Lock& l, std::size_t& out) -> Task<> {
            const auto got = co_await eddy::select(l.acquire(), l.acquire());
            out = got.index();
        },
        std::ref(lock),
        std::ref(index));
    co_await settle();
    CHECK(lock.statistics().waiters == 2);
    held.reset();
    CHECK(lock.statistics().waiters == 0);
    co_await chooser;
    CHECK(index == 0);
    CHECK_FALSE(lock.locked());
}

EDDY_TEST_CASE_FIFO("taking a lock, free or contended, asks the heap for nothing") {
    Lock lock;
    for (int round = 0; round < 2; ++round) {
        auto first = eddy::spawn(takes_often(lock, 50), {.name = "a name too long to be small"});
        auto second = eddy::spawn(takes_often(lock, 50));
        co_await settle();
        const auto before = heap_counters().allocations;
        co_await first;
        co_await second;
        const auto guard = co_await lock.acquire();
        if (round == 1) {
            CHECK(heap_counters().allocations == before);
        }
    }
}

EDDY_TEST_CASE("a lock refuses other threads") {
    Lock lock;
    auto guard = co_await lock.acquire();
    int refused = 0;
    std::thread([&] {
        const auto expect_refused = [&refused](auto&& call) {
            try {
                call();
            } catch (const eddy::WrongThread&) {
                ++refused;
            }
        };
        expect_refused([&] { static_cast<void>(lock.try_acquire()); });
        expect_refused([&] { static_cast<void>(lock.locked()); });
        expect_refused([&] { static_cast<void>(lock.statistics()); });
        expect_refused([&] { guard.adopt(); });
        expect_refused([&] { guard.release(); });
    }).join();
    CHECK(refused == 5);
    CHECK(guard);
    CHECK(lock.locked());
}

TEST_CASE("a lock of another thread's loop cannot be awaited") {
    Lock lock;
    eddy::run([](Lock& l) -> Task<> { const auto guard = co_await l.acquire(); }(lock));
    bool refused = false;
    std::thread([&] {
        try {
            eddy::run([](Lock& l) -> Task<> { const auto guard = co_await l.acquire(); }(lock));
        } catch (const eddy::WrongThread&) {
            refused = true;
        }
    }).join();
    CHECK(refused);
    CHECK_FALSE(lock.locked());
}

TEST_CASE("broken contracts of a lock say what to do") {
    eddy::testing::check_aborts("a Lock was destroyed while jobs wait on it", []() -> Task<> {
        auto lock = std::make_unique<Lock>();
        const auto guard = co_await lock->acquire();
        eddy::spawn(takes(*lock)).detach();
        co_await settle();
        lock.reset();
    });
    eddy::testing::check_aborts("a Lock was destroyed while a guard holds it", [] {
        auto lock = std::make_unique<Lock>();
        const auto guard = lock->try_acquire();
        lock.reset();
    });
    eddy::testing::check_aborts("a LockGuard was dropped on another thread", []() -> Task<> {
        Lock lock;
        std::optional<LockGuard> guard(co_await lock.acquire());
        std::thread([&] { guard.reset(); }).join();
    });
}

EDDY_WAIT_MATRIX("Lock::acquire", LockFixture)
EDDY_EXCLUSION_SUITE("Lock", LockExclusion)
