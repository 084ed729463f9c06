// SPDX-License-Identifier: MIT
// What every wait has in common, what a semaphore costs, and what it refuses or aborts at.
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "heap_hooks.hpp"

namespace {

using eddy::Permit;
using eddy::Semaphore;
using eddy::Task;
using eddy::testing::settle;

Task<> waits(Semaphore& semaphore) { const Permit permit = co_await semaphore.acquire(); }

class SemaphoreFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit SemaphoreFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return semaphore_.acquire(2); }
    Task<> wait() { const Permit permit = co_await semaphore_.acquire(2); }
    Task<> wait_again() {
        CHECK(semaphore_.value() == 2);  // whoever had them is gone
        co_await wait();
    }
    void complete() { semaphore_.release(2); }
    bool intact() const {
        return semaphore_.statistics().waiters == 0 && semaphore_.statistics().held == 0;
    }

private:
    Semaphore semaphore_{0, 2};
};

}  // namespace

EDDY_TEST_CASE_FIFO("nothing that a semaphore does allocates") {
    Semaphore semaphore(0, 10);
    auto waiter = eddy::spawn(
        [](Semaphore& s) -> Task<std::size_t> {
            const std::size_t before = eddy::testing::heap_counters().allocations;
            for (int i = 0; i < 300; ++i) {
                Permit permit = co_await s.acquire(2);
                permit.forget();
            }
            co_return eddy::testing::heap_counters().allocations - before;
        },
        std::ref(semaphore));
    co_await settle();
    const std::size_t before = eddy::testing::heap_counters().allocations;
    for (int i = 0; i < 300; ++i) {
        semaphore.release(2);
        co_await eddy::yield();
        if (i % 2 == 0) {
            co_await eddy::yield();
        }
    }
    const std::size_t allocated = co_await waiter;
    CHECK(allocated == 0);
    CHECK(eddy::testing::heap_counters().allocations == before);
}

EDDY_TEST_CASE("a semaphore refuses other threads, and nothing has happened") {
    Semaphore semaphore(1, 5);
    Permit held = co_await semaphore.acquire();
    int refused = 0;
    std::thread([&] {
        const auto attempt = [&refused](auto call) {
            try {
                call();
            } catch (const eddy::WrongThread&) {
                ++refused;
            }
        };
        attempt([&] { semaphore.release(); });
        attempt([&] { semaphore.close(); });
        attempt([&] { static_cast<void>(semaphore.try_acquire()); });
        attempt([&] { static_cast<void>(semaphore.value()); });
        attempt([&] { static_cast<void>(semaphore.max()); });
        attempt([&] { static_cast<void>(semaphore.closed()); });
        attempt([&] { static_cast<void>(semaphore.locked()); });
        attempt([&] { static_cast<void>(semaphore.statistics()); });
        attempt([&] { semaphore.forget_permits(1); });
        attempt([&] { held.forget(); });
        attempt([&] { static_cast<void>(held.split(1)); });
        eddy::run([](Semaphore& s, int& count) -> Task<> {
            try {
                const Permit permit = co_await s.acquire();
            } catch (const eddy::WrongThread&) {
                ++count;
            }
        }(semaphore, refused));
    }).join();
    CHECK(refused == 12);
    CHECK(semaphore.value() == 0);
    CHECK_FALSE(semaphore.closed());
    CHECK(held.count() == 1);
}

EDDY_ABORT_TEST_CASE("destroying a semaphore that jobs wait on is a broken contract",
                     "a Semaphore was destroyed while jobs wait on it") {
    auto semaphore = std::make_unique<Semaphore>(0);
    eddy::spawn(waits(*semaphore)).detach();
    co_await settle();
    semaphore.reset();
}

EDDY_ABORT_TEST_CASE("destroying a semaphore whose permit is held is a broken contract",
                     "while a Permit of it is held") {
    auto semaphore = std::make_unique<Semaphore>(1);
    const Permit permit = co_await semaphore->acquire();
    semaphore.reset();
}

EDDY_ABORT_TEST_CASE("a permit that ends on another thread is a broken contract",
                     "a Permit ended on another thread") {
    Semaphore semaphore(1);
    Permit permit = co_await semaphore.acquire();
    std::thread([](Permit taken) { static_cast<void>(taken); }, std::move(permit)).join();
}

EDDY_WAIT_MATRIX("Semaphore::acquire", SemaphoreFixture)
