// SPDX-License-Identifier: MIT
// What has grown with a crowd shrinks when the crowd goes; without memory for the smaller one, the
// large one does, and is no error.
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/capacity_limiter.hpp>
#include <eddy/channel.hpp>
#include <eddy/keyed_lock.hpp>
#include <eddy/queue.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/unbounded.hpp>

#include "heap_hooks.hpp"

#if EDDY_HEAP_HOOKS

namespace {

using eddy::testing::FailAllocation;

constexpr std::size_t crowd = 20'000;

/// Calls `leave` while every allocation fails, and says whether one was tried.
template <class Leave>
bool without_memory(Leave leave) {
    FailAllocation none(0, FailAllocation::Mode::and_after);
    leave();
    return none.stop();
}

}  // namespace

EDDY_TEST_CASE("a channel whose handles go") {
    auto [first, receiver] = eddy::open_channel<int>(1);
    std::vector<eddy::Sender<int>> senders(crowd, first);
    const bool tried = without_memory([&] {
        while (!senders.empty()) {
            senders.pop_back();
        }
    });
    CHECK(tried);
    CHECK(first.try_send(1));
    CHECK(receiver.try_receive() == 1);
    co_return;
}

EDDY_TEST_CASE("a limiter whose borrowers go") {
    eddy::CapacityLimiter limiter(crowd);
    std::vector<std::optional<eddy::CapacityToken>> tokens;
    for (std::size_t i = 0; i < crowd; ++i) {
        tokens.emplace_back(limiter.try_acquire_on_behalf_of(i));
    }
    const bool tried = without_memory([&] {
        while (!tokens.empty()) {
            tokens.pop_back();
        }
    });
    CHECK(tried);
    CHECK(limiter.statistics().borrowed == 0);
    const auto token = limiter.try_acquire_on_behalf_of(std::size_t{1});
    CHECK(token.has_value());
    co_return;
}

EDDY_TEST_CASE("locks of many keys that go") {
    eddy::KeyedLock<std::size_t> locks;
    std::vector<eddy::KeyedLock<std::size_t>::Guard> guards;
    for (std::size_t i = 0; i < crowd; ++i) {
        auto guard = locks.try_acquire(i);
        REQUIRE(guard.has_value());
        guards.push_back(std::move(*guard));
    }
    const bool tried = without_memory([&] {
        while (!guards.empty()) {
            guards.pop_back();
        }
    });
    CHECK(tried);
    CHECK(locks.statistics().keys == 0);
    const auto guard = locks.try_acquire(1);
    CHECK(guard.has_value());
    co_return;
}

EDDY_TEST_CASE("a queue whose items go") {
    eddy::Queue<int> queue(eddy::unbounded);
    for (std::size_t i = 0; i < crowd; ++i) {
        CHECK(queue.try_put(static_cast<int>(i)));
    }
    std::size_t got = 0;
    const bool tried = without_memory([&] {
        while (queue.try_get()) {
            ++got;
        }
    });
    CHECK(tried);
    CHECK(got == crowd);
    CHECK(queue.try_put(1));
    co_return;
}

#endif
