// SPDX-License-Identifier: MIT
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <eddy/counter.hpp>
#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/own.hpp>
#include <eddy/portal.hpp>
#include <eddy/remote_channel.hpp>
#include <eddy/remote_counter.hpp>
#include <eddy/remote_event.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/yield.hpp>

#include "kit.hpp"
#include "scenario.hpp"

// Virtual time stands still while a call is offloaded.

namespace scenarios {

namespace {

Task<> offloaded(Trace& trace) {
    eddy::ThreadPool pool({.threads = 2});
    int sum = 0;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto asks = [&](int value) -> Task<> {
            const auto squares = [value] { return value * value; };
            sum += co_await eddy::run_in_executor(pool, squares);
            co_await eddy::sleep_for(1s);
            trace.note("job " + number(value), "done");
        };
        for (int i = 1; i <= 4; ++i) {
            group.spawn(asks, i);
        }
        try {
            const auto throws = []() -> int { throw std::runtime_error("thrown over there"); };
            static_cast<void>(co_await eddy::run_in_executor(pool, throws));
        } catch (const std::runtime_error& error) {
            trace.note("main", error.what());
        }
    });
    trace.note("main", "sum " + number(sum));
}

Task<> called_back(Trace& trace) {
    eddy::ThreadPool pool({.threads = 1});
    int calls = 0;
    const auto works = [](eddy::Portal portal, int& count) {
        portal.call([&count] { ++count; });
        const auto asks = [](int value) -> Task<int> {
            co_await eddy::yield();
            co_return value + 1;
        };
        return portal.call(asks, 6);
    };
    const int value = co_await eddy::run_in_executor(pool, works, eddy::Portal(), std::ref(calls));
    trace.note("main", number(value) + " after " + number(calls) + " call");
}

Task<> from_afar(Trace& trace) {
    eddy::ThreadPool pool({.threads = 2});
    eddy::Counter counter;
    eddy::Event event;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto counts = [&]() -> Task<> {
            co_await counter.wait_at_least(10);
            trace.note("counter", "ten");
        };
        const auto waits = [&]() -> Task<> {
            co_await event.wait();
            trace.note("event", "set");
        };
        group.spawn(counts);
        group.spawn(waits);
        auto adds = [remote = counter.remote()] {
            for (int i = 0; i < 10; ++i) {
                static_cast<void>(remote.add(1));
            }
        };
        auto sets = [remote = event.remote()] { static_cast<void>(remote.set()); };
        auto adding = eddy::run_in_executor(pool, eddy::own(adds));
        co_await std::move(adding);
        auto setting = eddy::run_in_executor(pool, eddy::own(sets));
        co_await std::move(setting);
        trace.note("main", "calls are over");
    });
}

Task<> items_from_a_thread(Trace& trace) {
    eddy::ThreadPool pool({.threads = 1});
    auto [sender, receiver] = eddy::open_remote_channel<int>(2);
    co_await in_group([&](TaskGroup& group) -> Task<> {
        auto offloads = [&, to = std::move(sender)]() mutable -> Task<> {
            auto sends = [mine = std::move(to)]() mutable {
                for (int i = 1; i <= 5; ++i) {
                    mine.blocking_send(i);
                }
                const auto gone = std::move(mine);
            };
            auto call = eddy::run_in_executor(pool, eddy::own(sends));
            try {
                co_await std::move(call);
            } catch (const eddy::JobCancelled&) {  // what a call says that was told to stop
                trace.note("sender", "was stopped");
            }
        };
        group.spawn(eddy::own(offloads));
        std::string all;
        while (true) {
            const auto item = co_await receiver.next();
            if (!item) {
                break;
            }
            all += number(*item);
        }
        trace.note("main", all);
    });
}

}  // namespace

std::vector<Scenario> thread_scenarios() {
    return {
        {"calls in a pool",
         offloaded,
         "job 1: 1000 done\n"
         "job 2: 1000 done\n"
         "job 3: 1000 done\n"
         "job 4: 1000 done\n"
         "main: 0 thrown over there, 1000 sum 30\n"
         "~: 1000 over\n"},
        {"a call that calls back",
         called_back,
         "main: 0 7 after 1 call\n"
         "~: 0 over\n"},
        {"a counter and an event from other threads",
         from_afar,
         "counter: 0 ten\n"
         "event: 0 set\n"
         "main: 0 calls are over\n"
         "~: 0 over\n"},
        {"items from a thread",
         items_from_a_thread,
         "main: 0 12345\n"
         "~: 0 over\n"},
    };
}

}  // namespace scenarios
