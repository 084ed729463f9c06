// SPDX-License-Identifier: MIT
#include <functional>
#include <string>
#include <utility>

#include <eddy/barrier.hpp>
#include <eddy/capacity_limiter.hpp>
#include <eddy/condition.hpp>
#include <eddy/counter.hpp>
#include <eddy/event.hpp>
#include <eddy/keyed_lock.hpp>
#include <eddy/latch.hpp>
#include <eddy/lock.hpp>
#include <eddy/notify.hpp>
#include <eddy/rate_limiter.hpp>
#include <eddy/resettable_event.hpp>
#include <eddy/rw_lock.hpp>
#include <eddy/semaphore.hpp>

#include "kit.hpp"
#include "scenario.hpp"

namespace scenarios {

namespace {

Task<> one_at_a_time(Trace& trace) {
    eddy::Lock lock;
    int inside = 0;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto works = [&]() -> Task<> {
            for (int i = 0; i < 2; ++i) {
                const auto guard = co_await lock.acquire();
                trace.note("lock", number(++inside) + " inside");
                co_await eddy::sleep_for(1s);
                --inside;
            }
        };
        for (int i = 0; i < 3; ++i) {
            group.spawn(works);
        }
        co_await eddy::sleep_for(500ms);
        const auto guard = lock.try_acquire();
        trace.note("main", guard ? "got in" : "is refused");
    });
}

Task<> waits_for_a_condition(Trace& trace) {
    eddy::Lock lock;
    eddy::Condition changed(lock);
    int stock = 0;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto takes = [&](std::string who, int wanted) -> Task<> {
            auto guard = co_await lock.acquire();
            co_await changed.wait(guard, [&] { return stock >= wanted; });
            stock -= wanted;
            trace.note(who, "took " + number(wanted));
        };
        group.spawn(takes, "small", 2);
        group.spawn(takes, "large", 5);
        for (int i = 0; i < 7; ++i) {
            co_await eddy::sleep_for(1s);
            const auto guard = co_await lock.acquire();
            ++stock;
            changed.notify_all();
        }
    });
    trace.note("main", number(stock) + " left");
}

Task<> readers_and_writers(Trace& trace) {
    eddy::RwLock lock;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto reads = [&](std::string who, eddy::Duration after) -> Task<> {
            co_await eddy::sleep_for(after);
            const auto guard = co_await lock.acquire_read();
            trace.note(who, "reads");
            co_await eddy::sleep_for(2s);
        };
        const auto writes = [&](std::string who, eddy::Duration after) -> Task<> {
            co_await eddy::sleep_for(after);
            auto guard = co_await lock.acquire_write();
            trace.note(who, "writes");
            co_await eddy::sleep_for(2s);
            const auto view = std::move(guard).downgrade();
            trace.note(who, "reads on");
            co_await eddy::sleep_for(1s);
        };
        group.spawn(reads, "r0", 0s);
        group.spawn(reads, "r1", 1s);
        group.spawn(writes, "w", 1500ms);
        group.spawn(reads, "r2", 1700ms);  // behind the writer
        co_return;
    });
}

Task<> places(Trace& trace) {
    eddy::Semaphore semaphore(2);
    eddy::CapacityLimiter limiter(3);
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto works = [&]() -> Task<> {
            const auto token = co_await limiter.acquire();
            const auto permit = co_await semaphore.acquire();
            co_await eddy::sleep_for(1s);
            trace.note("work", "done");
        };
        for (int i = 0; i < 5; ++i) {
            group.spawn(works);
        }
        co_await eddy::sleep_for(500ms);
        trace.note("limiter", number(limiter.available()) + " free");
    });
    trace.note("limiter", number(limiter.available()) + " free");
}

Task<> keys(Trace& trace) {
    eddy::KeyedLock<std::string> accounts;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto works = [&](std::string who) -> Task<> {
            const auto guard = co_await accounts.acquire(who);
            co_await eddy::sleep_for(1s);
            trace.note(who, "done");
        };
        group.spawn(works, "alice");
        group.spawn(works, "alice");
        group.spawn(works, "bob");
        co_return;
    });
}

Task<> rate(Trace& trace) {
    eddy::RateLimiter limiter(2, 1s);
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto asks = [&]() -> Task<> {
            co_await limiter.acquire();
            trace.note("request", "let through");
        };
        for (int i = 0; i < 6; ++i) {
            group.spawn(asks);
        }
        co_return;
    });
}

Task<> signals_of_all_kinds(Trace& trace) {
    eddy::Event event;
    eddy::ResettableEvent again;
    eddy::Notify notify;
    eddy::Latch latch(2);
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto waits = [&](std::string who, auto what) -> Task<> {
            co_await what.get().wait();
            trace.note(who, "woken");
        };
        group.spawn(waits, "event", std::ref(event));
        group.spawn(waits, "event too", std::ref(event));
        group.spawn(waits, "resettable", std::ref(again));
        group.spawn(waits, "notify", std::ref(notify));
        group.spawn(waits, "latch", std::ref(latch));
        co_await eddy::sleep_for(1s);
        event.set();
        co_await eddy::sleep_for(1s);
        again.set();
        again.clear();
        co_await eddy::sleep_for(1s);
        notify.notify_one();
        latch.count_down();
        co_await eddy::sleep_for(1s);
        latch.count_down();
        co_await event.wait();
        trace.note("main", "done");
    });
}

Task<> meeting(Trace& trace) {
    eddy::Barrier barrier(3);
    int firsts = 0;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto comes = [&](std::string who, eddy::Duration pace) -> Task<> {
            for (int round = 1; round <= 3; ++round) {
                co_await eddy::sleep_for(pace);
                const auto index = co_await barrier.wait();
                firsts += index == 0 ? 1 : 0;
                trace.note(who, "round " + number(round));
            }
        };
        group.spawn(comes, "a", 1s);
        group.spawn(comes, "b", 2s);
        group.spawn(comes, "c", 3s);
        co_return;
    });
    trace.note("main", number(firsts) + " firsts");
}

Task<> counted(Trace& trace) {
    eddy::Counter counter;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto reaches = [&](std::int64_t value) -> Task<> {
            co_await counter.wait_at_least(value);
            trace.note("at least " + number(value), "reached");
        };
        const auto even = [&]() -> Task<> {
            const auto four = [](std::int64_t value) { return value == 4; };
            co_await counter.wait_for(four);
            trace.note("four", "seen");
        };
        group.spawn(reaches, 2);
        group.spawn(reaches, 5);
        group.spawn(even);
        for (int i = 0; i < 5; ++i) {
            co_await eddy::sleep_for(1s);
            counter.increment();
        }
        const auto takes = [&]() -> Task<> {
            for (int i = 0; i < 5; ++i) {
                co_await eddy::sleep_for(1s);
                counter.decrement();
            }
        };
        group.spawn(takes);
        co_await counter.wait_until_zero();
        trace.note("main", "zero");
    });
}

}  // namespace

std::vector<Scenario> lock_scenarios() {
    return {
        {"a lock",
         one_at_a_time,
         "lock: 0 1 inside, 1000 1 inside, 2000 1 inside, 3000 1 inside, 4000 1 "
         "inside, 5000 1 inside\n"
         "main: 500 is refused\n"
         "~: 6000 over\n"},
        {"a condition",
         waits_for_a_condition,
         "large: 7000 took 5\n"
         "main: 7000 0 left\n"
         "small: 2000 took 2\n"
         "~: 7000 over\n"},
        {"a lock for readers and writers",
         readers_and_writers,
         "r0: 0 reads\n"
         "r1: 1000 reads\n"
         "r2: 5000 reads\n"
         "w: 3000 writes, 5000 reads on\n"
         "~: 7000 over\n"},
        {"a semaphore inside a limiter",
         places,
         "limiter: 500 0 free, 3000 3 free\n"
         "work: 1000 done, 1000 done, 2000 done, 2000 done, 3000 done\n"
         "~: 3000 over\n"},
        {"a lock for each key",
         keys,
         "alice: 1000 done, 2000 done\n"
         "bob: 1000 done\n"
         "~: 2000 over\n"},
        {"a rate",
         rate,
         "request: 0 let through, 0 let through, 500 let through, 1000 let through, "
         "1500 let through, 2000 let through\n"
         "~: 2000 over\n"},
        {"events, a latch, a notification",
         signals_of_all_kinds,
         "event: 1000 woken\n"
         "event too: 1000 woken\n"
         "latch: 4000 woken\n"
         "main: 4000 done\n"
         "notify: 3000 woken\n"
         "resettable: 2000 woken\n"
         "~: 4000 over\n"},
        {"a barrier, three times",
         meeting,
         "a: 3000 round 1, 6000 round 2, 9000 round 3\n"
         "b: 3000 round 1, 6000 round 2, 9000 round 3\n"
         "c: 3000 round 1, 6000 round 2, 9000 round 3\n"
         "main: 9000 3 firsts\n"
         "~: 9000 over\n"},
        {"a counter up and down",
         counted,
         "at least 2: 2000 reached\n"
         "at least 5: 5000 reached\n"
         "four: 4000 seen\n"
         "main: 10000 zero\n"
         "~: 10000 over\n"},
    };
}

}  // namespace scenarios
