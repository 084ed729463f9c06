// SPDX-License-Identifier: MIT
// A tour of the primitives: one small story each, beginning with what goes wrong without them.
//
// Everything runs on one thread, and still three jobs lose updates when they read, wait and write.
// A Lock ends that; a Semaphore, a CapacityLimiter, an Event, a Queue and a Condition say more
// exactly what is meant. Each can be asked for its statistics, and nothing here takes real time.
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <vector>

#include <eddy/bounded_executor.hpp>
#include <eddy/capacity_limiter.hpp>
#include <eddy/condition.hpp>
#include <eddy/event.hpp>
#include <eddy/lock.hpp>
#include <eddy/queue.hpp>
#include <eddy/run.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/yield.hpp>

#include "finished.hpp"
#include "jumping_clock.hpp"

using namespace std::chrono_literals;

/// Reads, lets others run, writes: what others wrote in between is lost.
eddy::Task<> count_one(int& value) {
    const int seen = value;
    co_await eddy::yield();
    value = seen + 1;
}

eddy::Task<> count(int& unsafe, int& safe, eddy::Lock& lock) {
    for (int i = 0; i < 1000; ++i) {
        co_await count_one(unsafe);
        const auto guard = co_await lock.acquire();
        co_await count_one(safe);
    }
}

eddy::Task<> visit_lock() {
    int unsafe = 0;
    int safe = 0;
    eddy::Lock lock;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        for (const char* name : {"Ann", "Bob", "Cid"}) {
            group.spawn(count(unsafe, safe, lock), {.name = name});
        }
        co_await eddy::yield();
        co_await eddy::yield();
        const auto seen = lock.statistics();
        std::cout << "Lock: " << seen.owner_name << " has it, " << seen.waiters << " wait\n";
    });
    std::cout << "  3 x 1000 make " << safe << "; without the lock "
              << (unsafe < 3000 ? "updates are lost\n" : "nothing is lost\n");
}

eddy::Task<> use_connection(eddy::Semaphore& connections, int& open, int& most) {
    const auto permit = co_await connections.acquire();
    most = std::max(most, ++open);
    co_await eddy::sleep_for(10ms);
    --open;
}

eddy::Task<> visit_semaphore() {
    eddy::Semaphore connections(3);
    int open = 0;
    int most = 0;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        for (int i = 0; i < 10; ++i) {
            group.spawn(use_connection(connections, open, most));
        }
        co_await eddy::sleep_for(5ms);
        std::cout << "Semaphore: 10 jobs for 3 permits, " << connections.statistics().waiters
                  << " wait\n";
    });
    std::cout << "  never more than " << most << " at a time\n";
}

eddy::Task<> upload(eddy::CapacityLimiter& limiter) {
    const auto token = co_await limiter.acquire();
    co_await eddy::sleep_for(10ms);
}

eddy::Task<> visit_capacity_limiter() {
    eddy::CapacityLimiter uploads(1);
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        for (int i = 0; i < 6; ++i) {
            group.spawn(upload(uploads));
        }
        co_await eddy::sleep_for(5ms);
        std::cout << "CapacityLimiter: " << uploads.borrowed() << " borrows, ";
        uploads.set_total(4);  // who waits gets in at once
        std::cout << "with a total of 4 " << uploads.borrowed() << ", ";
        uploads.set_total(0);  // a pause: nobody is thrown out
        std::cout << "paused " << uploads.available() << " to be had\n";
        co_await eddy::sleep_for(1h);
        uploads.set_total(eddy::CapacityLimiter::infinite);
    });
}

eddy::Task<> visit_event() {
    eddy::Event ready;
    int started = 0;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        for (int i = 0; i < 3; ++i) {
            group.spawn(
                [](eddy::Event& go, int& count) -> eddy::Task<> {
                    co_await go.wait();
                    ++count;
                },
                std::ref(ready),
                std::ref(started));
        }
        co_await eddy::sleep_for(1s);
        std::cout << "Event: " << ready.statistics().waiters << " wait, ";
        ready.set();
    });
    std::cout << started << " go\n";
}

eddy::Task<> visit_queue() {
    eddy::Queue<int> orders(2);
    int sum = 0;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(
            [](eddy::Queue<int>& from, int& total) -> eddy::Task<> {
                while (const auto order = co_await from.next()) {
                    co_await eddy::sleep_for(10ms);
                    total += *order;
                    from.task_done();
                }
            },
            std::ref(orders),
            std::ref(sum));
        for (int i = 1; i <= 10; ++i) {
            co_await orders.put(i);  // no further ahead than two
        }
        co_await orders.join();
        orders.shutdown();
    });
    std::cout << "Queue: 1 to 10 through two places make " << sum << "\n";
}

eddy::Task<> visit_condition() {
    eddy::Lock lock;
    eddy::Condition changed(lock);
    int balance = 0;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(
            [](eddy::Lock& account, eddy::Condition& change, int& money) -> eddy::Task<> {
                auto guard = co_await account.acquire();
                co_await change.wait(guard, [&money] { return money >= 100; });
                money -= 100;
                std::cout << "Condition: paid 100 as soon as there was enough, " << money
                          << " left\n";
            },
            std::ref(lock),
            std::ref(changed),
            std::ref(balance));
        for (const int payment : {30, 40, 50}) {
            co_await eddy::sleep_for(1s);
            const auto guard = co_await lock.acquire();
            balance += payment;
            changed.notify_all();
        }
    });
}

eddy::Task<int> square(int number) {
    co_await eddy::sleep_for((10 - number) * 1ms);  // the last is done first
    co_return number* number;
}

eddy::Task<> visit_bounded_executor() {
    eddy::BoundedExecutor executor(3);
    const std::vector<int> numbers = {1, 2, 3, 4, 5};
    const std::vector<int> squares = co_await executor.map(numbers, square);
    std::cout << "BoundedExecutor: ";
    for (const int number : squares) {
        std::cout << number << " ";
    }
    std::cout << "in the order asked\n";
}

eddy::Task<> tour() {
    co_await visit_lock();
    co_await visit_semaphore();
    co_await visit_capacity_limiter();
    co_await visit_event();
    co_await visit_queue();
    co_await visit_condition();
    co_await visit_bounded_executor();
}

int main() {
    JumpingClock clock;
    return finished(eddy::run_main(tour(), {}, {.clock = &clock}));
}
