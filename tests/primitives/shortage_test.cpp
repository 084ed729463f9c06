// SPDX-License-Identifier: MIT
#include "shortage.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <eddy/barrier.hpp>
#include <eddy/bounded_executor.hpp>
#include <eddy/broadcast.hpp>
#include <eddy/capacity_limiter.hpp>
#include <eddy/channel.hpp>
#include <eddy/condition.hpp>
#include <eddy/counter.hpp>
#include <eddy/event.hpp>
#include <eddy/future.hpp>
#include <eddy/keyed_lock.hpp>
#include <eddy/latch.hpp>
#include <eddy/lifo_queue.hpp>
#include <eddy/lock.hpp>
#include <eddy/notify.hpp>
#include <eddy/once_cell.hpp>
#include <eddy/oneshot.hpp>
#include <eddy/priority_queue.hpp>
#include <eddy/queue.hpp>
#include <eddy/rate_limiter.hpp>
#include <eddy/resettable_event.hpp>
#include <eddy/resource_pool.hpp>
#include <eddy/rw_lock.hpp>
#include <eddy/select.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/single_flight.hpp>
#include <eddy/task_group.hpp>
#include <eddy/watch.hpp>

#if EDDY_HEAP_HOOKS

// Memory is short in every place of the primitives in turn: see shortage.hpp.

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::TaskGroup;
using eddy::testing::survives_shortage_in_job;

const std::string long_text = "an item that does not fit into a short string";

/// Runs `body` in a group, which waits for what it has spawned; what is in `body`'s scope outlives
/// them.
template <class Body>
Task<> in_group(Body body) {
    co_await eddy::with_task_group(body);
}

/// `fn(args...)`, a task; what it refers to has names.
template <class F, class... Args>
Task<> with(F fn, Args&... args) {
    co_await fn(args...);
}

template <class Q>
Task<> produces(Q& queue, int count) {
    for (int i = 0; i < count; ++i) {
        co_await queue.put(i);
    }
}
template <class Q>
Task<> consumes(Q& queue, int count) {
    for (int i = 0; i < count; ++i) {
        static_cast<void>(co_await queue.get());
        queue.task_done();
    }
}

template <class Q>
void queue_survives() {
    survives_shortage_in_job([]() -> Task<> {
        Q bounded(2);
        Q unbounded(eddy::unbounded);
        co_await in_group([&](TaskGroup& group) -> Task<> {
            group.spawn(produces(bounded, 6));
            group.spawn(consumes(bounded, 6));
            group.spawn(produces(unbounded, 40));
            co_await eddy::yield();
            group.spawn(consumes(unbounded, 40));
            co_await unbounded.join();
        });
        bounded.shutdown();
        unbounded.shutdown(eddy::Shutdown::immediate);
    });
}

Task<std::string> fetch(int key) {
    co_await eddy::sleep_for(1s);
    co_return long_text + std::to_string(key);
}
Task<std::string> fails(int) {
    co_await eddy::sleep_for(1s);
    throw std::runtime_error("with a text that takes a string of its own");
}

}  // namespace

TEST_CASE("a shortage in queues") {
    queue_survives<eddy::Queue<int>>();
    queue_survives<eddy::LifoQueue<int>>();
    queue_survives<eddy::PriorityQueue<int>>();
}

TEST_CASE("no item is lost when memory is short") {
    std::size_t lost = 0;
    survives_shortage_in_job([&]() -> Task<> {
        eddy::Queue<int> queue(eddy::unbounded);
        int put = 0;
        try {
            for (; put < 100; ++put) {
                co_await queue.put(put);
            }
        } catch (const std::bad_alloc&) {
        }
        for (int i = 0; i < put; ++i) {
            const std::optional<int> item = queue.try_get();
            if (item != i) {
                ++lost;
            }
        }
        lost += queue.size();
    });
    CHECK(lost == 0);
}

TEST_CASE("a shortage in channels, and when their ends go") {
    survives_shortage_in_job([]() -> Task<> {
        auto [sender, receiver] = eddy::open_channel<std::string>(2);
        auto [rendezvous, other] = eddy::open_channel<std::string>(0);
        co_await in_group([&](TaskGroup& group) -> Task<> {
            group.spawn(with(
                [](auto& to) -> Task<> {
                    for (int i = 0; i < 5; ++i) {
                        co_await to.send(long_text);
                    }
                },
                sender));
            group.spawn(with(
                [](auto& from) -> Task<> {
                    for (int i = 0; i < 5; ++i) {
                        static_cast<void>(co_await from.receive());
                    }
                },
                receiver));
            group.spawn(with([](auto& to) -> Task<> { co_await to.send(long_text); }, rendezvous));
            static_cast<void>(co_await other.receive());
        });
        auto second = sender;
        co_await second.send(long_text);
        auto slot = co_await sender.reserve();
        second.close();
        {
            const auto gone = std::move(receiver);
        }
    });
}

TEST_CASE("a shortage in oneshots, futures and broken promises") {
    survives_shortage_in_job([]() -> Task<> {
        eddy::Oneshot<std::string> oneshot;
        static_cast<void>(oneshot.sender.send(long_text));
        static_cast<void>(co_await oneshot.receiver.receive());
        eddy::Future<std::string> broken;
        {
            eddy::Promise<std::string> promise;
            broken = promise.future();
        }
        try {
            static_cast<void>(co_await broken);
        } catch (const eddy::BrokenResource&) {
        }
        eddy::Promise<std::string> promise;
        const eddy::Future<std::string> future = promise.future();
        co_await in_group([&](TaskGroup& group) -> Task<> {
            group.spawn(
                with([](const auto& awaited) -> Task<> { static_cast<void>(co_await awaited); },
                     future));
            co_await eddy::yield();
            promise.set_value(long_text);
        });
        eddy::Promise<int> failed;
        failed.set_exception(std::make_exception_ptr(std::runtime_error(long_text)));
        eddy::Promise<int> cancelled;
        eddy::CancelScope scope;
        scope.cancel(long_text);
        static_cast<void>(co_await eddy::with_scope(scope, [&]() -> Task<> {
            try {
                co_await eddy::checkpoint();
            } catch (...) {
                cancelled.set_exception(std::current_exception());
            }
        }));
    });
}

TEST_CASE("a shortage in counters, latches, events and barriers") {
    survives_shortage_in_job([]() -> Task<> {
        eddy::Counter counter;
        eddy::Latch latch(2);
        eddy::Event event;
        eddy::ResettableEvent resettable;
        eddy::Notify notify;
        eddy::Barrier barrier(2);
        co_await in_group([&](TaskGroup& group) -> Task<> {
            group.spawn(with([](auto& c) -> Task<> { co_await c.wait_at_least(3); }, counter));
            group.spawn(with(
                [](auto& c) -> Task<> {
                    co_await c.wait_for([](std::int64_t value) { return value == 2; });
                },
                counter));
            group.spawn(with([](auto& l) -> Task<> { co_await l.wait(); }, latch));
            group.spawn(with([](auto& e) -> Task<> { co_await e.wait(); }, event));
            group.spawn(with([](auto& e) -> Task<> { co_await e.wait(); }, resettable));
            group.spawn(with([](auto& n) -> Task<> { co_await n.wait(); }, notify));
            group.spawn(
                with([](auto& b) -> Task<> { static_cast<void>(co_await b.wait()); }, barrier));
            co_await eddy::yield();
            for (int i = 0; i < 3; ++i) {
                counter.increment();
            }
            latch.count_down(2);
            event.set();
            resettable.set();
            notify.notify_one();
            static_cast<void>(co_await barrier.wait());
        });
        const eddy::RemoteCounter remote = counter.remote();
        static_cast<void>(remote.add(1));
        const eddy::RemoteEvent from_afar = event.remote();
        static_cast<void>(from_afar.set());
        counter.close();
    });
}

TEST_CASE("a shortage in locks, semaphores and limiters") {
    survives_shortage_in_job([]() -> Task<> {
        eddy::Lock lock;
        eddy::Condition condition(lock);
        eddy::RwLock rw;
        eddy::KeyedLock<std::string> keyed;
        eddy::Semaphore semaphore(1);
        eddy::CapacityLimiter limiter(1);
        eddy::RateLimiter rate(1, 1s);
        const auto works = [&](int number) -> Task<> {
            {
                const auto guard = co_await lock.acquire();
                co_await eddy::yield();
            }
            {
                const auto key = co_await keyed.acquire(long_text);
                const auto own = co_await keyed.acquire(std::to_string(number) + long_text);
                co_await eddy::yield();
            }
            {
                const auto permit = co_await semaphore.acquire();
                const auto token = co_await limiter.acquire();
                co_await eddy::yield();
            }
            if (number == 0) {
                const auto writing = co_await rw.acquire_write();
                co_await eddy::yield();
            } else {
                const auto reading = co_await rw.acquire_read();
                co_await eddy::yield();
            }
            co_await rate.acquire();
        };
        co_await in_group([&](TaskGroup& group) -> Task<> {
            group.spawn(with(
                [](auto& c, auto& l) -> Task<> {
                    auto guard = co_await l.acquire();
                    co_await c.wait(guard);
                },
                condition,
                lock));
            for (int i = 0; i < 12; ++i) {
                group.spawn(works, i);
            }
            co_await eddy::sleep_for(1s);
            const auto guard = co_await lock.acquire();
            condition.notify_all();
        });
    });
}

TEST_CASE("a shortage in single flights and once cells") {
    survives_shortage_in_job([]() -> Task<> {
        eddy::SingleFlight<int, std::string> flights;
        eddy::OnceCell<std::string> cell;
        eddy::OnceCell<std::string> by_hand;
        by_hand.set(long_text);
        const auto asks = [&](int key) -> Task<> {
            static_cast<void>(co_await flights.get(key, fetch, key));
            const std::string& kept = co_await cell.get_or_init(fetch, key);
            static_cast<void>(kept.size());
        };
        co_await in_group([&](TaskGroup& group) -> Task<> {
            group.spawn(asks, 1);
            group.spawn(asks, 1);
            group.spawn(asks, 2);
            try {
                static_cast<void>(co_await flights.get(3, fails, 3));
            } catch (const std::runtime_error&) {
            }
        });
    });
}

TEST_CASE("a flight that could not begin leaves no trace") {
    std::size_t traces = 0;
    survives_shortage_in_job([&]() -> Task<> {
        eddy::SingleFlight<int, std::string> flights;
        try {
            static_cast<void>(co_await flights.get(1, fetch, 1));
        } catch (const std::bad_alloc&) {
        }
        traces += flights.statistics().flights;
    });
    CHECK(traces == 0);
}

TEST_CASE("a call whose flight could not begin never brings what another key's flight does") {
    std::size_t wrong = 0;
    survives_shortage_in_job([&]() -> Task<> {
        eddy::SingleFlight<std::string, std::string> flights;
        const auto page = [](std::string of) -> Task<std::string> {
            co_await eddy::sleep_for(1s);
            co_return of;
        };
        const std::string one = long_text + "1";
        const std::string other = long_text + "2";
        auto first = flights.get(one, page, one);
        auto second = flights.get(other, page, other);
        for (int attempt = 0; attempt < 2; ++attempt) {
            try {
                const std::string got = co_await first;
                wrong += got == one ? 0U : 1U;
            } catch (const std::exception&) {  // no memory; later: the call has given its key away
            }
            try {
                const std::string got = co_await second;
                wrong += got == other ? 0U : 1U;
            } catch (const std::exception&) {
            }
        }
    });
    CHECK(wrong == 0);
}

TEST_CASE("a shortage in broadcasts and watches") {
    survives_shortage_in_job([]() -> Task<> {
        eddy::Broadcast<std::string> broadcast(2);
        eddy::Watch<std::string> watch(long_text);
        auto heard = broadcast.subscribe();
        auto seen = watch.subscribe();
        co_await in_group([&](TaskGroup& group) -> Task<> {
            group.spawn(
                with([](auto& from) -> Task<> { static_cast<void>(co_await from.next()); }, heard));
            co_await eddy::yield();
            static_cast<void>(broadcast.send(long_text));
            watch.set(long_text);
        });
        auto copy = heard;
        broadcast.close();
        watch.close();
    });
}

TEST_CASE("a shortage in a bounded executor") {
    survives_shortage_in_job([]() -> Task<> {
        std::size_t told = 0;
        eddy::BoundedExecutor executor(2, [&told](std::size_t done, std::size_t) { told = done; });
        std::vector<int> keys{1, 2, 3, 4};
        const auto texts = co_await executor.map(std::move(keys), fetch);
        static_cast<void>(texts.size());
        std::vector<int> others{1, 2};
        const auto outcomes = co_await executor.map_settled(std::move(others), fails);
        static_cast<void>(outcomes.size());
        static_cast<void>(co_await executor.execute(fetch, 5));
    });
}

TEST_CASE("a shortage in resource pools, which lose no room") {
    using Pool = eddy::ResourcePool<std::unique_ptr<std::string>, std::string>;
    using Made = std::unique_ptr<std::string>;
    std::size_t wrong = 0;
    survives_shortage_in_job([&]() -> Task<> {
        const auto make = [](const std::string& key) -> Task<Made> {
            co_await eddy::sleep_for(1s);
            co_return std::make_unique<std::string>(key);
        };
        const auto check = [](Made& made) -> Task<bool> {
            co_await eddy::yield();
            co_return made != nullptr;
        };
        Pool pool({.make = make, .check = check}, {.max_total = 2, .max_idle_time = 10s});
        const auto use = [](Pool& used, const std::string& key) -> Task<> {
            for (int i = 0; i < 2; ++i) {
                const auto lease = co_await used.acquire(key);
                co_await eddy::yield();
            }
        };
        const std::string other = long_text + "2";
        std::exception_ptr error;
        try {
            co_await in_group([&](TaskGroup& group) -> Task<> {
                group.spawn(use(pool, long_text));
                group.spawn(use(pool, long_text));
                group.spawn(use(pool, other));
                co_await use(pool, other);
            });
        } catch (...) {
            error = std::current_exception();
        }
        const auto all = pool.statistics();
        wrong += all.lent + all.making + all.waiting + (all.idle <= 2 ? 0U : 1U);
        if (error) {
            std::rethrow_exception(error);
        }
        co_await eddy::sleep_for(11s);
        co_await pool.drain();
    });
    CHECK(wrong == 0);
}

TEST_CASE("a shortage in selects over primitives") {
    survives_shortage_in_job([]() -> Task<> {
        eddy::Queue<std::string> queue(eddy::unbounded);
        eddy::Event event;
        eddy::Counter counter;
        for (int i = 0; i < 3; ++i) {
            const auto won = co_await eddy::select(
                queue.get(), event.wait(), counter.wait_at_least(2), eddy::sleep_for(1s));
            static_cast<void>(won.index());
            co_await queue.put(long_text);
        }
    });
}

#endif
