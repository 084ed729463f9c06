// SPDX-License-Identifier: MIT
// What the jobs of a guest hold and wait for when it is destroyed while it is attached: that may be
// destroyed after it, and the host is none the worse for it.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <doctest/doctest.h>

#include <uv.h>

#include <eddy/barrier.hpp>
#include <eddy/capacity_limiter.hpp>
#include <eddy/condition.hpp>
#include <eddy/counter.hpp>
#include <eddy/event.hpp>
#include <eddy/keyed_lock.hpp>
#include <eddy/latch.hpp>
#include <eddy/lock.hpp>
#include <eddy/loop.hpp>
#include <eddy/notify.hpp>
#include <eddy/once_cell.hpp>
#include <eddy/queue.hpp>
#include <eddy/resettable_event.hpp>
#include <eddy/resource_pool.hpp>
#include <eddy/rw_lock.hpp>
#include <eddy/scope.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/single_flight.hpp>
#include <eddy/sleep.hpp>
#include <eddy/with_scope.hpp>

#include "child_process.hpp"

#if !defined(EDDY_NO_FORK)

namespace {

using eddy::Task;

/// A host in a child: its guest runs what `start` spawns, then an exception passes both by.
template <class Make, class Start>
void check_host_survives(const char* what, Make make, Start start) {
    CAPTURE(what);
    const auto child = eddy::testing::run_in_child([&] {
        try {
            auto object = make();
            auto loop = eddy::Loop::attach(uv_default_loop());
            start(*loop, object);
            for (int i = 0; i < 3; ++i) {
                uv_run(uv_default_loop(), UV_RUN_NOWAIT);
            }
            if (loop->statistics().jobs_alive < 2) {
                return 8;
            }
            throw std::string("the host's");
        } catch (const std::string&) {
            return 7;
        }
    });
    CHECK_MESSAGE(child.exit_code == 7, "status " << child.exit_code << ": " << child.errors);
    CHECK(child.errors.find("an attached Loop was destroyed") != std::string::npos);
}

/// Two jobs, of which the first has what the second waits for.
template <class Make, class Body>
void check_jobs(const char* what, Make make, Body body) {
    check_host_survives(what, make, [body](eddy::Loop& loop, auto& object) {
        loop.spawn(body, std::ref(object)).detach();
        loop.spawn(body, std::ref(object)).detach();
    });
}

TEST_CASE("locks and permits that jobs of a guest hold and wait for outlive it") {
    check_jobs(
        "Lock",
        [] { return eddy::Lock(); },
        [](eddy::Lock& lock) -> Task<> {
            const auto guard = co_await lock.acquire();
            co_await eddy::sleep_forever();
        });
    check_jobs(
        "RwLock",
        [] { return eddy::RwLock(); },
        [](eddy::RwLock& lock) -> Task<> {
            const auto guard = co_await lock.acquire_write();
            co_await eddy::sleep_forever();
        });
    using Locks = eddy::KeyedLock<int>;
    check_jobs(
        "KeyedLock",
        [] { return Locks(); },
        [](Locks& locks) -> Task<> {
            const auto guard = co_await locks.acquire(1);
            co_await eddy::sleep_forever();
        });
    const auto one_permit = [] { return eddy::Semaphore(1); };
    check_jobs("Semaphore", one_permit, [](eddy::Semaphore& semaphore) -> Task<> {
        const auto permit = co_await semaphore.acquire();
        co_await eddy::sleep_forever();
    });
    const auto one_token = [] { return eddy::CapacityLimiter(1); };
    check_jobs("CapacityLimiter", one_token, [](eddy::CapacityLimiter& limiter) -> Task<> {
        const auto token = co_await limiter.acquire();
        co_await eddy::sleep_forever();
    });
}

TEST_CASE("a large request of a guest's job that gives way to a small one leaves no trace") {
    const auto two_permits = [] { return eddy::Semaphore(2); };
    const auto start = [](eddy::Loop& loop, eddy::Semaphore& semaphore) {
        const auto body = [](eddy::Semaphore& from, std::int64_t count) -> Task<> {
            const auto permit = co_await from.acquire(count);
            co_await eddy::sleep_forever();
        };
        for (const std::int64_t permits : {1, 2, 1}) {
            loop.spawn(body, std::ref(semaphore), permits).detach();
        }
    };
    check_host_survives("Semaphore", two_permits, start);
}

TEST_CASE("what jobs of a guest only wait in outlives it") {
    struct Waiting {
        eddy::Event event;
        eddy::ResettableEvent resettable;
        eddy::Notify notify;
        eddy::Latch latch{1};
        eddy::Counter counter{1};
        eddy::Barrier barrier{9};
        eddy::Queue<int> queue{1};
        eddy::Lock lock;
        eddy::Condition condition{lock};
        eddy::SingleFlight<int, int> flight;
        eddy::OnceCell<int> cell;
        eddy::CancelScope scope;
    };
    check_host_survives(
        "all",
        [] { return Waiting(); },
        [](eddy::Loop& loop, Waiting& in) {
            const auto spawn = [&loop, &in](auto body) { loop.spawn(body, std::ref(in)).detach(); };
            spawn([](Waiting& w) -> Task<> { co_await w.event.wait(); });
            spawn([](Waiting& w) -> Task<> { co_await w.resettable.wait(); });
            spawn([](Waiting& w) -> Task<> { co_await w.notify.wait(); });
            spawn([](Waiting& w) -> Task<> { co_await w.latch.wait(); });
            spawn([](Waiting& w) -> Task<> { co_await w.counter.wait_until_zero(); });
            spawn([](Waiting& w) -> Task<> { co_await w.barrier.wait(); });
            spawn([](Waiting& w) -> Task<> { static_cast<void>(co_await w.queue.get()); });
            for (int i = 0; i < 2; ++i) {
                spawn([](Waiting& w) -> Task<> {
                    auto guard = co_await w.lock.acquire();
                    co_await w.condition.wait(guard);
                });
                spawn([](Waiting& w) -> Task<> {
                    static_cast<void>(co_await w.flight.get(1, []() -> Task<int> {
                        co_await eddy::sleep_forever();
                        co_return 1;
                    }));
                });
                spawn([](Waiting& w) -> Task<> {
                    static_cast<void>(co_await w.cell.get_or_init([]() -> Task<int> {
                        co_await eddy::sleep_forever();
                        co_return 1;
                    }));
                });
            }
            spawn([](Waiting& w) -> Task<> {
                static_cast<void>(co_await eddy::with_scope(
                    w.scope, []() -> Task<> { co_await eddy::sleep_forever(); }));
            });
        });
}

TEST_CASE("a resource pool of a guest, with an idle one, a lease and a waiter, outlives it") {
    using Pool = eddy::ResourcePool<int>;
    const auto make = []() -> Task<int> { co_return 1; };
    check_jobs(
        "ResourcePool",
        [make] { return std::make_unique<Pool>(Pool::Hooks{.make = make}); },
        [](std::unique_ptr<Pool>& pool) -> Task<> {
            const auto kept = co_await pool->acquire();
            {
                const auto idle = co_await pool->acquire();
            }
            co_await eddy::sleep_forever();
        });
    check_jobs(
        "ResourcePool of one",
        [make] {
            return std::make_unique<Pool>(Pool::Hooks{.make = make},
                                          eddy::ResourcePoolOptions{.max_total = 1});
        },
        [](std::unique_ptr<Pool>& pool) -> Task<> {
            const auto kept = co_await pool->acquire();
            co_await eddy::sleep_forever();
        });
}

}  // namespace

#endif
