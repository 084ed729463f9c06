// SPDX-License-Identifier: MIT
#include <eddy/keyed_lock.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
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
using Locks = eddy::KeyedLock<std::string>;
using eddy::Task;
using eddy::testing::heap_counters;
using eddy::testing::settle;

const std::string alice = "alice, whose name is too long for a small string";
const std::string bob = "bob";

class KeyedLockFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit KeyedLockFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { held_.emplace(co_await locks_.acquire(alice)); }
    auto operation() { return locks_.acquire(alice); }
    Task<> wait() { const auto guard = co_await locks_.acquire(alice); }
    Task<> wait_again() { co_await wait(); }
    void complete() { held_.reset(); }
    bool intact() const {
        return locks_.statistics().waiters == 0 && locks_.statistics().keys == (held_ ? 1U : 0U);
    }

private:
    Locks locks_;
    std::optional<Locks::Guard> held_;
};

struct KeyedLockExclusion {
    Locks locks;
    auto operation() { return locks.acquire(alice); }
    auto try_acquire() { return locks.try_acquire(alice); }
    bool held() const { return locks.locked(alice); }
    std::size_t waiters() const { return locks.statistics(alice).waiters; }
    eddy::JobId owner() const { return locks.statistics(alice).owner; }
};

Task<Locks::Guard> takes(Locks& locks, const std::string& key) {
    co_return co_await locks.acquire(key);
}

Task<> takes_often(Locks& locks, int times) {
    for (int i = 0; i < times; ++i) {
        const auto guard = co_await locks.acquire(alice);
        co_await eddy::yield();
    }
}

/// A key that cannot be copied where nobody needs a copy.
struct Key {
    explicit Key(int n) : number(n) {}
    Key(const Key& other) : number(other.number) { ++copies; }
    Key(Key&&) = default;
    Key& operator=(const Key&) = delete;
    friend bool operator==(const Key& a, const Key& b) { return a.number == b.number; }
    int number;
    static inline int copies = 0;
};
struct KeyHash {
    std::size_t operator()(const Key& key) const { return static_cast<std::size_t>(key.number); }
};

}  // namespace

EDDY_TEST_CASE("different keys do not wait for each other, the same ones do") {
    Locks locks;
    auto first = co_await locks.acquire(alice);
    const auto other = co_await locks.acquire(bob);
    CHECK(first.key() == alice);
    CHECK(other.key() == bob);
    CHECK(locks.statistics().keys == 2);
    auto job = eddy::spawn(takes(locks, alice), {.name = "second"});
    co_await settle();
    CHECK_FALSE(job.done());
    CHECK(locks.statistics().waiters == 1);
    CHECK(locks.statistics(alice).waiters == 1);
    CHECK(locks.statistics(bob).waiters == 0);
    CHECK(locks.statistics(bob).locked);
    CHECK_FALSE(locks.statistics("carol").locked);
    CHECK_FALSE(locks.locked("carol"));
    CHECK(locks.statistics().keys == 2);  // asking makes no entry
    first.release();
    const auto passed = co_await job;
    CHECK(passed.key() == alice);
}

EDDY_TEST_CASE("an entry vanishes with the last guard of its key") {
    Locks locks;
    {
        auto first = co_await locks.acquire(alice);
        auto second = eddy::spawn(takes(locks, alice), {.name = "second"});
        co_await settle();
        first.release();
        CHECK_FALSE(first);
        CHECK(locks.statistics().keys == 1);  // handed over
        CHECK(locks.statistics(alice).owner == second.id());
        CHECK(locks.statistics(alice).owner_name == "second");
        const auto guard = co_await second;
        CHECK(locks.statistics().keys == 1);
        CHECK_THROWS_AS(first.release(), eddy::InvalidState);
        CHECK_THROWS_AS(first.adopt(), eddy::InvalidState);
        CHECK_THROWS_AS(static_cast<void>(first.key()), eddy::InvalidState);
    }
    CHECK(locks.statistics().keys == 0);
    CHECK(locks.try_acquire(alice).has_value());
    CHECK(locks.statistics().keys == 0);
    const auto again = co_await locks.acquire(alice);
    CHECK(locks.statistics().keys == 1);
}

EDDY_TEST_CASE("a waiter that is cancelled leaves no entry behind") {
    Locks locks;
    auto guard = locks.try_acquire(alice);
    eddy::CancelScope scope;
    eddy::spawn(with_scope(
                    scope,
                    [](Locks& l) -> Task<> { const auto mine = co_await l.acquire(alice); },
                    std::ref(locks)))
        .detach();
    co_await settle();
    scope.cancel();
    CHECK(locks.statistics(alice).waiters == 0);
    guard.reset();
    CHECK(locks.statistics().keys == 0);
    co_await settle();
}

EDDY_TEST_CASE("pointers to entries survive a thousand other keys") {
    eddy::KeyedLock<int> locks;
    auto first = std::make_optional(co_await locks.acquire(-1));
    auto waiting = eddy::spawn(
        [](eddy::KeyedLock<int>& l) -> Task<> { const auto guard = co_await l.acquire(-1); },
        std::ref(locks));
    co_await settle();
    std::vector<eddy::KeyedLock<int>::Guard> guards;
    for (int i = 0; i < 1000; ++i) {
        guards.push_back(*locks.try_acquire(i));
    }
    CHECK(locks.statistics().keys == 1001);
    first.reset();
    co_await waiting;
    CHECK(locks.statistics().keys == 1000);
    CHECK_FALSE(locks.locked(-1));
    guards.clear();
    CHECK(locks.statistics().keys == 0);
}

EDDY_TEST_CASE("the owner of a key that asks for it again is refused; for another one it is not") {
    Locks locks;
    auto guard = co_await locks.acquire(alice);
    CHECK_THROWS_AS(static_cast<void>(locks.try_acquire(alice)), eddy::InvalidState);
    bool refused = false;
    try {
        const auto again = co_await locks.acquire(alice);
    } catch (const eddy::InvalidState&) {
        refused = true;
    }
    CHECK(refused);
    CHECK(locks.statistics(alice).waiters == 0);
    CHECK(locks.try_acquire(bob).has_value());
    auto heir = eddy::spawn(
        [](Locks& l, Locks::Guard moved) -> Task<> {
            moved.adopt();
            CHECK_THROWS_AS(static_cast<void>(l.try_acquire(alice)), eddy::InvalidState);
            co_return;
        },
        std::ref(locks),
        std::move(guard));
    co_await heir;
    CHECK(locks.statistics().keys == 0);
}

EDDY_TEST_CASE("several keys in one select: one is taken, the others are left") {
    Locks locks;
    auto held = locks.try_acquire(alice);
    {
        const auto got = co_await eddy::select(eddy::sleep_for(1s), locks.acquire(bob));
        CHECK(got.index() == 1);
        CHECK(locks.locked(bob));
    }
    CHECK_FALSE(locks.locked(bob));
    auto other = eddy::spawn(
        [](Locks& l) -> Task<> {
            const auto guard = co_await l.acquire(bob);
            const auto got = co_await eddy::select(eddy::sleep_for(1s), l.acquire(alice));
            CHECK(got.index() == 0);
        },
        std::ref(locks));
    co_await other;
    CHECK(locks.statistics().keys == 1);
    CHECK(locks.statistics().waiters == 0);
}

EDDY_TEST_CASE_FIFO("waiting for a key that is held asks the heap for nothing, and copies no key") {
    Locks locks;
    for (int round = 0; round < 2; ++round) {
        auto held = locks.try_acquire(alice);
        auto first = eddy::spawn(takes_often(locks, 50));
        auto second = eddy::spawn(takes_often(locks, 50));
        co_await settle();
        const auto before = heap_counters().allocations;
        held.reset();
        co_await first;  // the second has waited, or made it wait, all the time
        if (round == 1) {
            CHECK(heap_counters().allocations == before);
        }
        co_await second;
    }
    eddy::KeyedLock<Key, KeyHash> counted;
    Key::copies = 0;
    const Key key(7);
    auto held = counted.try_acquire(key);
    CHECK(Key::copies == 1);  // the entry's own
    const auto got = co_await eddy::select(counted.acquire(Key(8)), eddy::sleep_for(1s));
    CHECK(got.index() == 0);
    CHECK(Key::copies == 2);
    auto waiting = eddy::spawn(
        [](eddy::KeyedLock<Key, KeyHash>& l) -> Task<> {
            const auto guard = co_await l.acquire(Key(7));  // moved into the wait
        },
        std::ref(counted));
    co_await settle();
    held.reset();
    co_await waiting;
    CHECK(Key::copies == 2);
}

EDDY_TEST_CASE("a keyed lock refuses other threads") {
    Locks locks;
    auto guard = co_await locks.acquire(alice);
    int refused = 0;
    std::thread([&] {
        const auto expect_refused = [&refused](auto&& call) {
            try {
                call();
            } catch (const eddy::WrongThread&) {
                ++refused;
            }
        };
        expect_refused([&] { static_cast<void>(locks.try_acquire(bob)); });
        expect_refused([&] { static_cast<void>(locks.locked(bob)); });
        expect_refused([&] { static_cast<void>(locks.statistics()); });
        expect_refused([&] { static_cast<void>(locks.statistics(alice)); });
        expect_refused([&] { guard.adopt(); });
        expect_refused([&] { guard.release(); });
    }).join();
    CHECK(refused == 6);
    CHECK(locks.statistics().keys == 1);
    CHECK(guard);
}

TEST_CASE("broken contracts of a keyed lock say what to do") {
    eddy::testing::check_aborts("a KeyedLock was destroyed while jobs wait on it", []() -> Task<> {
        auto locks = std::make_unique<Locks>();
        const auto guard = co_await locks->acquire(alice);
        eddy::spawn(takes(*locks, alice)).detach();
        co_await settle();
        locks.reset();
    });
    eddy::testing::check_aborts("a KeyedLock was destroyed while a guard holds a key", [] {
        auto locks = std::make_unique<Locks>();
        const auto guard = locks->try_acquire(alice);
        locks.reset();
    });
    eddy::testing::check_aborts(
        "a KeyedLock's guard was dropped on another thread", []() -> Task<> {
            Locks locks;
            std::optional<Locks::Guard> guard(co_await locks.acquire(alice));
            std::thread([&] { guard.reset(); }).join();
        });
}

EDDY_WAIT_MATRIX("KeyedLock::acquire", KeyedLockFixture)
EDDY_EXCLUSION_SUITE("a key of a KeyedLock", KeyedLockExclusion)

EDDY_TEST_CASE(
    "a key that is a temporary is kept by the wait, one that has a name is referred to") {
    Locks locks;
    auto held = locks.try_acquire(alice);
    auto job = eddy::spawn(
        [](Locks& l) -> Task<std::string> {
            auto wait = l.acquire(std::string(alice));
            const std::string elsewhere(alice.size(), '?');  // where the temporary may have been
            const auto guard = co_await wait;
            co_return guard.key() + elsewhere.substr(0, 1);
        },
        std::ref(locks));
    co_await settle();
    CHECK(locks.statistics(alice).waiters == 1);
    held.reset();
    const std::string key = co_await job;
    CHECK(key == alice + "?");
    CHECK(locks.statistics().keys == 0);

    std::string name = "carol";
    auto wait = locks.acquire(name);
    name = "dave";
    const auto guard = co_await wait;
    CHECK(guard.key() == "dave");
}
