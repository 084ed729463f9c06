// SPDX-License-Identifier: MIT
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <eddy/bounded_executor.hpp>
#include <eddy/broadcast.hpp>
#include <eddy/channel.hpp>
#include <eddy/error.hpp>
#include <eddy/future.hpp>
#include <eddy/lifo_queue.hpp>
#include <eddy/lock.hpp>
#include <eddy/once_cell.hpp>
#include <eddy/oneshot.hpp>
#include <eddy/priority_queue.hpp>
#include <eddy/queue.hpp>
#include <eddy/select.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/single_flight.hpp>
#include <eddy/unbounded.hpp>
#include <eddy/watch.hpp>
#include <eddy/yield.hpp>

#include "kit.hpp"
#include "scenario.hpp"

namespace scenarios {

namespace {

/// The queue keeps two.
Task<> bounded_queue(Trace& trace) {
    eddy::Queue<int> queue(2);
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto puts = [&]() -> Task<> {
            for (int i = 1; i <= 6; ++i) {
                co_await queue.put(i);
                trace.note("producer", "put " + number(i));
            }
        };
        const auto gets = [&]() -> Task<> {
            for (int i = 0; i < 6; ++i) {
                co_await eddy::sleep_for(1s);
                const int item = co_await queue.get();
                trace.note("consumer", "got " + number(item));
                queue.task_done();
            }
        };
        group.spawn(puts);
        group.spawn(gets);
        co_await eddy::sleep_for(500ms);
        co_await queue.join();
        trace.note("main", "all is done");
    });
}

template <class Q>
Task<> drained(Trace& trace) {
    Q queue(eddy::unbounded);
    for (const int item : {3, 1, 4, 1, 5}) {
        co_await queue.put(item);
    }
    queue.shutdown();
    std::string all;
    try {
        while (true) {
            const int item = co_await queue.get();
            all += number(item);
        }
    } catch (const eddy::EndOfStream&) {
        all += " end";
    } catch (const eddy::ClosedResource&) {
        all += " closed";
    }
    trace.note("main", all);
}

Task<> many_workers(Trace& trace) {
    eddy::Queue<int> jobs(eddy::unbounded);
    int sum = 0;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto works = [&]() -> Task<> {
            while (true) {
                const int job = co_await jobs.get();
                co_await eddy::sleep_for(1s);
                sum += job;
                jobs.task_done();
            }
        };
        for (int i = 0; i < 3; ++i) {
            group.spawn(works);
        }
        for (int i = 1; i <= 10; ++i) {
            co_await jobs.put(i);
        }
        co_await jobs.join();
        trace.note("main", "sum " + number(sum));
        group.cancel("no more work");
    });
}

Task<> channel(Trace& trace) {
    auto [sender, receiver] = eddy::open_channel<int>(1);
    const auto sends = [](Trace& t, auto to) -> Task<> {
        for (int i = 1; i <= 4; ++i) {
            co_await to.send(i);
            t.note("sender", "sent " + number(i));
        }
        auto slot = co_await to.reserve();
        t.note("sender", "has a slot");
        slot.send(5);
    };
    co_await in_group([&](TaskGroup& group) -> Task<> {
        group.spawn(sends, std::ref(trace), std::move(sender));
        while (true) {
            co_await eddy::sleep_for(1s);
            const auto item = co_await receiver.next();
            if (!item) {
                break;
            }
            trace.note("receiver", "got " + number(*item));
        }
        trace.note("receiver", "end");
    });
}

Task<> rendezvous(Trace& trace) {
    auto [sender, receiver] = eddy::open_channel<int>(0);
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto gives_it = [&]() -> Task<> {
            for (int i = 1; i <= 2; ++i) {
                co_await sender.send(i);
                trace.note("sender", "handed over");
            }
        };
        group.spawn(gives_it);
        for (int i = 0; i < 2; ++i) {
            co_await eddy::sleep_for(1s);
            const int item = co_await receiver.receive();
            trace.note("receiver", "got " + number(item));
        }
    });
}

Task<> answers(Trace& trace) {
    eddy::Oneshot<std::string> once;
    eddy::Promise<int> promise;
    const eddy::Future<int> future = promise.future();
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto asks = [&](std::string who) -> Task<> {
            const int value = co_await future;
            trace.note(who, "knows " + number(value));
        };
        group.spawn(asks, "a");
        group.spawn(asks, "b");
        const auto tells = [&]() -> Task<> {
            co_await eddy::sleep_for(1s);
            static_cast<void>(once.sender.send("hello"));
            co_await eddy::sleep_for(1s);
            promise.set_value(42);
        };
        group.spawn(tells);
        const std::string got = co_await once.receiver.receive();
        trace.note("main", got);
    });
    eddy::Future<int> broken;
    {
        eddy::Promise<int> dropped;
        broken = dropped.future();
    }
    try {
        static_cast<void>(co_await broken);
    } catch (const eddy::BrokenResource&) {
        trace.note("main", "a promise was broken");
    }
}

Task<> broadcast(Trace& trace) {
    eddy::Broadcast<int> news(3);
    auto heard = news.subscribe();
    auto late = news.subscribe();
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto listens = [&]() -> Task<> {
            while (true) {
                const auto item = co_await heard.next();
                if (!item) {
                    break;
                }
                trace.note("listener", number(item->value));
            }
            trace.note("listener", "end");
        };
        group.spawn(listens);
        for (int i = 1; i <= 5; ++i) {
            co_await eddy::sleep_for(1s);
            news.send(i);
        }
        const auto item = co_await late.receive();
        trace.note("late", number(item.value) + " after " + number(item.missed) + " missed");
        news.close();
    });
}

Task<> watched(Trace& trace) {
    eddy::Watch<int> setting(0);
    auto receiver = setting.subscribe();
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto follows = [&]() -> Task<> {
            while (true) {
                const auto value = co_await receiver.next();
                if (!value) {
                    break;
                }
                trace.note("follower", number(*value));
                co_await eddy::sleep_for(1700ms);  // and misses what is not the newest
            }
            trace.note("follower", "end");
        };
        group.spawn(follows);
        for (int i = 1; i <= 4; ++i) {
            co_await eddy::sleep_for(1s);
            setting.set(i);
        }
        co_await eddy::sleep_for(2s);
        setting.close();
    });
}

Task<> asked_once(Trace& trace) {
    eddy::OnceCell<int> cell;
    eddy::SingleFlight<std::string, int> flights;
    struct Calls {
        int of_cell = 0;
        int of_flight = 0;
    };
    // What flies may end later than those who asked: it owns what it touches.
    const auto calls = std::make_shared<Calls>();
    const auto init = [calls]() -> Task<int> {
        ++calls->of_cell;
        co_await eddy::sleep_for(1s);
        co_return 5;
    };
    const auto fetch = [calls]() -> Task<int> {
        ++calls->of_flight;
        co_await eddy::sleep_for(2s);
        co_return 6;
    };
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto asks = [&](std::string who) -> Task<> {
            const int kept = co_await cell.get_or_init(init);
            trace.note(who, "cell " + number(kept));
            const int flown = co_await flights.get("key", fetch);
            trace.note(who, "flight " + number(flown));
        };
        group.spawn(asks, "a");
        group.spawn(asks, "b");
        co_await asks("c");
        co_await eddy::sleep_for(1s);
        const int again = co_await flights.get("key", fetch);
        trace.note("main", number(again));
    });
    trace.note("main", number(calls->of_cell) + " and " + number(calls->of_flight) + " calls");
}

Task<> bounded_executor(Trace& trace) {
    std::size_t told = 0;
    eddy::BoundedExecutor executor(2, [&told](std::size_t done, std::size_t) { told = done; });
    const auto work = [](int seconds) -> Task<int> {
        co_await eddy::sleep_for(std::chrono::seconds(seconds));
        if (seconds == 3) {
            throw std::runtime_error("three");
        }
        co_return seconds;
    };
    std::vector<int> items{1, 2, 1, 2};
    const auto values = co_await executor.map(std::move(items), work);
    trace.note("main", number(values.size()) + " values, told of " + number(told));
    std::vector<int> more{3, 1};
    auto outcomes = co_await executor.map_settled(std::move(more), work);
    trace.note("main", outcomes[0].has_value() ? "no failure" : "one failure");
    const int one = co_await executor.execute(work, 1);
    trace.note("main", number(one));
}

Task<> chosen_item(Trace& trace) {
    eddy::Queue<int> queue(eddy::unbounded);
    auto [sender, receiver] = eddy::open_channel<int>(4);
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto feeds = [&]() -> Task<> {
            co_await eddy::sleep_for(1s);
            co_await queue.put(1);
            co_await eddy::sleep_for(1s);
            co_await sender.send(2);
        };
        group.spawn(feeds);
        for (int i = 0; i < 3; ++i) {
            const auto won =
                co_await eddy::select(queue.get(), receiver.receive(), eddy::sleep_for(5s));
            trace.note("main", "index " + number(won.index()));
        }
    });
    trace.note("main", number(queue.size()) + " left");
}

/// Several layers of everything, so that there are many points to end it at.
Task<> crowd(Trace& trace) {
    eddy::Queue<int> orders(3);
    eddy::Lock till;
    eddy::Semaphore hands(2);
    auto [sender, receiver] = eddy::open_channel<int>(2);
    int earned = 0;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto cooks = [&](auto out) -> Task<> {
            while (true) {
                const int order = co_await orders.get();
                {
                    const auto hand = co_await hands.acquire();
                    co_await eddy::sleep_for(1s);
                }
                co_await out.send(order);
                orders.task_done();
            }
        };
        const auto serves = [&](auto from) -> Task<> {
            while (true) {
                const auto order = co_await from.next();
                if (!order) {
                    break;
                }
                const auto guard = co_await till.acquire();
                co_await eddy::yield();
                earned += *order;
            }
        };
        const auto asks = [&](int first) -> Task<> {
            for (int i = 0; i < 4; ++i) {
                co_await orders.put(first + i);
                co_await eddy::yield();
            }
        };
        for (int i = 0; i < 3; ++i) {
            group.spawn(cooks, sender);
            group.spawn(serves, receiver);
        }
        const auto guests = [&](TaskGroup& at) -> Task<> {
            for (int i = 0; i < 4; ++i) {
                at.spawn(asks, i * 10);
            }
            co_return;
        };
        co_await eddy::with_task_group(guests);
        co_await orders.join();
        co_await eddy::sleep_for(1s);
        trace.note("till", number(earned));
        group.cancel("closing time");
    });
}

}  // namespace

std::vector<Scenario> exchange_scenarios() {
    return {
        {"a queue with a bound",
         bounded_queue,
         "consumer: 1000 got 1, 2000 got 2, 3000 got 3, 4000 got 4, 5000 got 5, 6000 "
         "got 6\n"
         "main: 6000 all is done\n"
         "producer: 0 put 1, 0 put 2, 1000 put 3, 2000 put 4, 3000 put 5, 4000 put 6\n"
         "~: 6000 over\n"},
        {"a queue, last in first out",
         drained<eddy::LifoQueue<int>>,
         "main: 0 51413 end\n"
         "~: 0 over\n"},
        {"a queue by priority",
         drained<eddy::PriorityQueue<int>>,
         "main: 0 11345 end\n"
         "~: 0 over\n"},
        {"workers at one queue",
         many_workers,
         "main: 4000 sum 55\n"
         "~: 4000 over\n"},
        {"a channel to its end",
         channel,
         "receiver: 1000 got 1, 2000 got 2, 3000 got 3, 4000 got 4, 5000 got 5, 6000 "
         "end\n"
         "sender: 0 sent 1, 1000 sent 2, 2000 sent 3, 3000 sent 4, 4000 has a slot\n"
         "~: 6000 over\n"},
        {"a channel from hand to hand",
         rendezvous,
         "receiver: 1000 got 1, 2000 got 2\n"
         "sender: 1000 handed over, 2000 handed over\n"
         "~: 2000 over\n"},
        {"a oneshot, a promise and its future",
         answers,
         "a: 2000 knows 42\n"
         "b: 2000 knows 42\n"
         "main: 1000 hello, 2000 a promise was broken\n"
         "~: 2000 over\n"},
        {"a broadcast, and who is late",
         broadcast,
         "late: 5000 3 after 2 missed\n"
         "listener: 1000 1, 2000 2, 3000 3, 4000 4, 5000 5, 5000 end\n"
         "~: 5000 over\n"},
        {"a watch, and who is slow",
         watched,
         "follower: 1000 1, 2700 2, 4400 4, 6100 end\n"
         "~: 6100 over\n"},
        {"a cell and a flight, asked by many",
         asked_once,
         "a: 1000 cell 5, 3000 flight 6\n"
         "b: 1000 cell 5, 3000 flight 6\n"
         "c: 1000 cell 5, 3000 flight 6\n"
         "main: 6000 6, 6000 1 and 2 calls\n"
         "~: 6000 over\n"},
        {"an executor with a bound",
         bounded_executor,
         "main: 4000 4 values, told of 4, 7000 one failure, 8000 1\n"
         "~: 8000 over\n"},
        // 16 orders, two at a time, a second each; a second more until it is counted.
        {"a kitchen",
         crowd,
         "till: 9000 264\n"
         "~: 9000 over\n"},
        {"a select of a queue and a channel",
         chosen_item,
         "main: 1000 index 0, 2000 index 1, 7000 index 2, 7000 0 left\n"
         "~: 7000 over\n"},
    };
}

}  // namespace scenarios
