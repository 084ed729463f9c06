// SPDX-License-Identifier: MIT
// What all guards, permits, tokens and slots have in common.

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/capacity_limiter.hpp>
#include <eddy/channel.hpp>
#include <eddy/keyed_lock.hpp>
#include <eddy/lock.hpp>
#include <eddy/resource_pool.hpp>
#include <eddy/rw_lock.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

using eddy::Task;
using eddy::testing::run_test;
using eddy::testing::settle;

namespace {

// Of each kind: something that can be held once, by whom it can be held, and a visitor who waits
// until it is free.

struct OfLock {
    eddy::Lock lock;
    Task<eddy::LockGuard> hold() { co_return co_await lock.acquire(); }
    Task<> visit(bool& been) {
        const auto guard = co_await lock.acquire();
        been = true;
    }
};

struct OfKeyedLock {
    eddy::KeyedLock<std::string> locks;
    Task<eddy::KeyedLock<std::string>::Guard> hold() { co_return co_await locks.acquire("key"); }
    Task<> visit(bool& been) {
        const auto guard = co_await locks.acquire("key");
        been = true;
    }
};

struct OfReader {
    eddy::RwLock lock;
    Task<eddy::ReadGuard> hold() { co_return co_await lock.acquire_read(); }
    Task<> visit(bool& been) {
        const auto guard = co_await lock.acquire_write();
        been = true;
    }
};

struct OfWriter {
    eddy::RwLock lock;
    Task<eddy::WriteGuard> hold() { co_return co_await lock.acquire_write(); }
    Task<> visit(bool& been) {
        const auto guard = co_await lock.acquire_read();
        been = true;
    }
};

struct OfSemaphore {
    eddy::Semaphore semaphore = eddy::Semaphore(2);
    Task<eddy::Permit> hold() { co_return co_await semaphore.acquire(2); }
    Task<> visit(bool& been) {
        const auto permit = co_await semaphore.acquire();
        been = true;
    }
};

struct OfCapacity {
    eddy::CapacityLimiter limiter = eddy::CapacityLimiter(1);
    Task<eddy::CapacityToken> hold() { co_return co_await limiter.acquire_on_behalf_of(this); }
    Task<> visit(bool& been) {
        const auto token = co_await limiter.acquire();
        been = true;
    }
};

struct OfChannel {
    std::pair<eddy::Sender<int>, eddy::Receiver<int>> ends = eddy::open_channel<int>(1);
    Task<eddy::Sender<int>::Slot> hold() { co_return co_await ends.first.reserve(); }
    Task<> visit(bool& been) {
        const auto slot = co_await ends.first.reserve();
        been = true;
    }
};

struct OfPool {
    eddy::ResourcePool<int> pool = eddy::ResourcePool<int>({.make = made}, {.max_total = 1});
    static Task<int> made() { co_return 1; }
    Task<eddy::ResourceLease<int>> hold() { co_return co_await pool.acquire(); }
    Task<> visit(bool& been) {
        const auto lease = co_await pool.acquire();
        been = true;
    }
};

template <class Of>
using GuardOf = typename decltype(std::declval<Of&>().hold())::value_type;

template <class Guard>
constexpr bool is_one_of_ours =
    !std::is_copy_constructible_v<Guard> && std::is_nothrow_move_constructible_v<Guard> &&
    std::is_nothrow_move_assignable_v<Guard> && std::constructible_from<bool, const Guard&> &&
    !std::convertible_to<const Guard&, bool>;

/// A visitor of `of` in a job of its own, who waits.
template <class Of>
Task<> visitor_waits(Of& of, bool& been) {
    eddy::spawn(of.visit(been)).detach();
    co_await settle();
    CHECK_FALSE(been);
}

template <class Of>
Task<> assigns() {
    static_assert(is_one_of_ours<GuardOf<Of>>);
    Of first;
    Of second;
    bool been_to_first = false;
    bool been_to_second = false;
    auto guard = co_await first.hold();
    auto other = co_await second.hold();
    co_await visitor_waits(first, been_to_first);
    co_await visitor_waits(second, been_to_second);

    guard = std::move(other);
    CHECK(static_cast<bool>(guard));
    CHECK_FALSE(static_cast<bool>(other));  // NOLINT(bugprone-use-after-move)
    CHECK_FALSE(been_to_first);             // nobody runs inside the assignment
    co_await settle();
    CHECK(been_to_first);
    CHECK_FALSE(been_to_second);

    guard = std::move(other);  // which has nothing
    CHECK_FALSE(static_cast<bool>(guard));
    co_await settle();
    CHECK(been_to_second);
}

template <class Of>
Task<> assigns_itself() {
    Of of;
    bool been = false;
    {
        auto guard = co_await of.hold();
        auto& same = guard;
        guard = std::move(same);
        CHECK(static_cast<bool>(guard));
        co_await visitor_waits(of, been);
        auto moved = std::move(guard);
        guard = std::move(same);  // NOLINT(bugprone-use-after-move): empty, too
        CHECK_FALSE(static_cast<bool>(guard));
        CHECK(static_cast<bool>(moved));
        co_await settle();
        CHECK_FALSE(been);
    }
    co_await settle();
    CHECK(been);
}

template <class Of>
Task<> assigns_optional() {
    Of first;
    Of second;
    bool been_to_first = false;
    bool been_to_second = false;
    std::optional<GuardOf<Of>> held;
    held = co_await first.hold();
    co_await visitor_waits(first, been_to_first);
    held = co_await second.hold();
    co_await settle();
    CHECK(been_to_first);
    co_await visitor_waits(second, been_to_second);
    held = std::nullopt;
    co_await settle();
    CHECK(been_to_second);
}

template <class Of>
Task<> erases_from_vector() {
    Of first;
    Of second;
    bool been_to_first = false;
    bool been_to_second = false;
    std::vector<GuardOf<Of>> held;
    auto one = co_await first.hold();
    auto two = co_await second.hold();
    held.push_back(std::move(one));
    held.push_back(std::move(two));
    co_await visitor_waits(first, been_to_first);
    co_await visitor_waits(second, been_to_second);
    held.erase(held.begin());
    co_await settle();
    CHECK(been_to_first);
    CHECK_FALSE(been_to_second);
    held.clear();
    co_await settle();
    CHECK(been_to_second);
}

}  // namespace

#define EVERY_KIND \
    OfLock, OfKeyedLock, OfReader, OfWriter, OfSemaphore, OfCapacity, OfChannel, OfPool

TEST_CASE_TEMPLATE("assigning a guard releases what it held, to the longest waiter",
                   Of,
                   EVERY_KIND) {
    run_test(assigns<Of>);
}

TEST_CASE_TEMPLATE("a guard that is assigned to itself holds what it held", Of, EVERY_KIND) {
    run_test(assigns_itself<Of>);
}

TEST_CASE_TEMPLATE("an optional guard can be assigned, and released by nullopt", Of, EVERY_KIND) {
    run_test(assigns_optional<Of>);
}

TEST_CASE_TEMPLATE("guards leave a vector from its middle", Of, EVERY_KIND) {
    run_test(erases_from_vector<Of>);
}

EDDY_TEST_CASE("a guard says by its truth whether it holds") {
    eddy::Semaphore semaphore(2);
    auto permit = co_await semaphore.acquire(2);
    auto part = permit.split(1);
    CHECK(static_cast<bool>(part));
    permit.merge(std::move(part));
    CHECK_FALSE(static_cast<bool>(part));  // NOLINT(bugprone-use-after-move)
    permit.release();
    CHECK_FALSE(static_cast<bool>(permit));
    const auto none = co_await semaphore.acquire(0);
    CHECK_FALSE(static_cast<bool>(none));

    eddy::CapacityLimiter limiter(1);
    auto token = co_await limiter.acquire();
    CHECK(token.held() == static_cast<bool>(token));
    token.release();
    CHECK(token.held() == static_cast<bool>(token));

    auto [sender, receiver] = eddy::open_channel<int>(1);
    auto slot = co_await sender.reserve();
    slot.send(1);
    CHECK_FALSE(static_cast<bool>(slot));
}

EDDY_TEST_CASE("a permit of one semaphore takes the place of another's") {
    eddy::Semaphore small(1);
    eddy::Semaphore large(5);
    auto permit = co_await small.acquire();
    permit = co_await large.acquire(3);
    CHECK(small.value() == 1);
    CHECK(large.value() == 2);
    CHECK(permit.count() == 3);
    permit.release();
    CHECK(large.value() == 5);
}

EDDY_TEST_CASE("a token takes its borrower along") {
    eddy::CapacityLimiter limiter(2);
    auto token = co_await limiter.acquire_on_behalf_of(1);
    token = co_await limiter.acquire_on_behalf_of(2);
    CHECK(limiter.borrowed() == 1);
    CHECK(token.borrower() == eddy::Borrower(2));
    const auto again = co_await limiter.acquire_on_behalf_of(1);
    CHECK(static_cast<bool>(again));
}
