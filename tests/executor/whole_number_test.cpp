// SPDX-License-Identifier: MIT
// Every door of the executor that takes a number of things; see the primitives' test of that name.

#include <concepts>
#include <cstddef>
#include <stdexcept>

#include <doctest/doctest.h>

#include <eddy/remote_channel.hpp>
#include <eddy/thread_pool.hpp>

namespace {

#define DOOR(Name, call)                                                  \
    struct Name {                                                         \
        template <class N>                                                \
        auto operator()(N n) const -> decltype(static_cast<void>(call)) { \
            static_cast<void>(call);                                      \
        }                                                                 \
    }

DOOR(RemoteCapacity, eddy::open_remote_channel<int>(n));
DOOR(PoolThreads, eddy::ThreadPool({.threads = n}));
DOOR(PoolBlocked, eddy::ThreadPool({.max_blocked = n}));
DOOR(PoolQueue, eddy::ThreadPool({.queue_bound = n}));
DOOR(PoolNiceness, eddy::ThreadPool({.niceness = n}));

}  // namespace

TEST_CASE_TEMPLATE("numbers of the executor are whole, and not negative",
                   Door,
                   RemoteCapacity,
                   PoolThreads,
                   PoolBlocked,
                   PoolQueue,
                   PoolNiceness) {
    static_assert(std::invocable<Door, int> && std::invocable<Door, std::size_t>);
    static_assert(!std::invocable<Door, double> && !std::invocable<Door, float> &&
                  !std::invocable<Door, bool>);
    CHECK_THROWS_AS(Door()(-1), std::invalid_argument);
    CHECK_NOTHROW(Door()(3));
}
