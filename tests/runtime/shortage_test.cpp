// SPDX-License-Identifier: MIT
#include "shortage.hpp"

#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <stop_token>
#include <utility>
#include <vector>

#include <eddy/alarm.hpp>
#include <eddy/as_completed.hpp>
#include <eddy/call_later.hpp>
#include <eddy/cancel_handle.hpp>
#include <eddy/detach_on_cancel.hpp>
#include <eddy/dump_jobs.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/gather.hpp>
#include <eddy/interval.hpp>
#include <eddy/join_set.hpp>
#include <eddy/loop_metrics.hpp>
#include <eddy/map_bounded.hpp>
#include <eddy/os/signal_set.hpp>
#include <eddy/race.hpp>
#include <eddy/report_failure.hpp>
#include <eddy/retry.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/started.hpp>
#include <eddy/stop_token.hpp>
#include <eddy/task_group.hpp>
#include <eddy/task_local.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/wait_jobs.hpp>
#include <eddy/with_cleanup.hpp>

#if EDDY_HEAP_HOOKS

// Memory is short in every place in turn, process-wide: see shortage.hpp.

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::Gate;
using eddy::testing::survives_shortage;
using eddy::testing::survives_shortage_in_job;
using eddy::testing::survives_shortage_of_loop;

Task<> sleeps(eddy::Duration delay) { co_await eddy::sleep_for(delay); }
Task<int> gives(int value) {
    co_await eddy::yield();
    co_return value;
}
Task<int> fails_after(eddy::Duration delay) {
    co_await eddy::sleep_for(delay);
    throw std::runtime_error("a failure with a text that takes a string of its own");
}
Task<> ignores_its_end() { co_await eddy::shield(eddy::sleep_forever()); }
Task<> parent_of_those_who_stay() {
    const auto body = [](eddy::TaskGroup& group) -> Task<> {
        group.spawn(ignores_its_end(), {.name = "one that stays"});
        group.spawn(ignores_its_end());
        co_await ignores_its_end();
    };
    co_await eddy::with_task_group(body);
}

}  // namespace

TEST_CASE("a shortage while a loop begins, runs and ends") {
    survives_shortage_of_loop([]() -> Task<> {
        eddy::spawn(sleeps(1h), {.name = "a sleeper"});
        co_await eddy::sleep_for(1s);
    });
}

TEST_CASE("a shortage while a loop abandons jobs") {
    survives_shortage_of_loop([]() -> Task<> {
        eddy::spawn(parent_of_those_who_stay(), {.name = "a parent with a long name of its own"});
        eddy::spawn(ignores_its_end());
        co_await eddy::yield();
    });
}

TEST_CASE("a shortage while a loop abandons jobs, told by the default observer") {
    survives_shortage([](eddy::testing::ShortageRun& run) {
        eddy::testing::VirtualClock clock;
        const auto main = []() -> Task<> {
            eddy::spawn(parent_of_those_who_stay());
            eddy::spawn(fails_after(0s));
            co_await eddy::yield();
        };
        run.begin();
        eddy::Loop({.clock = &clock}).run(main(), {.grace = 1s});
    });
}

TEST_CASE("abandoned jobs are told of, one by one, however short memory is") {
    eddy::testing::VirtualClock clock;
    eddy::testing::CountingObserver observer;
    std::size_t expected = 0;
    survives_shortage([&](eddy::testing::ShortageRun& run) {
        const auto main = [&]() -> Task<> {
            eddy::spawn(parent_of_those_who_stay());
            eddy::spawn(ignores_its_end());
            for (int i = 0; i < 3; ++i) {
                co_await eddy::yield();
            }
            expected += 4;
            run.begin();
        };
        eddy::Loop loop({.clock = &clock, .observer = &observer});
        loop.run(main(), {.grace = 1s});
    });
    CHECK(observer.abandoned == expected);
}

TEST_CASE("a shortage while observers throw and are removed") {
    class Throws final : public eddy::Observer {
    public:
        [[nodiscard]] std::uint32_t hooks() const noexcept override { return spawned | exited; }
        void job_spawned(const eddy::JobInfo&) override { throw std::runtime_error("no more"); }
    };
    survives_shortage_in_job([]() -> Task<> {
        static Throws observer;  // outlives the loop
        eddy::Loop::current().add_observer(observer);
        eddy::spawn(sleeps(1s));
        co_await eddy::sleep_for(2s);
    });
}

TEST_CASE("a shortage when Cancelled reaches a root that was not cancelled") {
    survives_shortage_in_job([]() -> Task<> {
        std::exception_ptr kept;
        eddy::CancelScope scope;
        scope.cancel("for its Cancelled");
        const auto keeps = [&]() -> Task<> {
            try {
                co_await eddy::sleep_for(1s);
            } catch (const eddy::Cancelled&) {
                kept = std::current_exception();
            }
        };
        const bool finished = co_await eddy::with_scope(scope, keeps());
        static_cast<void>(finished);
        const auto rethrows = [](std::exception_ptr error) -> Task<> {
            co_await eddy::yield();
            std::rethrow_exception(std::move(error));
        };
        eddy::JoinHandle<void> job = eddy::spawn(rethrows(std::move(kept)));
        co_await job;
    });
}

TEST_CASE("a shortage while groups fail, inside each other") {
    survives_shortage_in_job([]() -> Task<> {
        const auto inner = [](eddy::TaskGroup& group) -> Task<> {
            group.spawn(fails_after(1s));
            group.spawn(fails_after(1s));
            co_await eddy::sleep_for(1h);
        };
        const auto outer = [&](eddy::TaskGroup& group) -> Task<> {
            group.spawn(eddy::with_task_group(inner));
            co_await eddy::with_task_group(inner);
        };
        co_await eddy::with_task_group(outer);
    });
}

TEST_CASE("a shortage when a group's body is a plain function that has spawned") {
    survives_shortage_in_job([]() -> Task<> {
        const auto body = [](eddy::TaskGroup& group) {
            group.spawn(sleeps(1s));
            return sleeps(2s);
        };
        co_await eddy::with_task_group(body);
    });
}

TEST_CASE("a shortage while a child is started") {
    survives_shortage_in_job([]() -> Task<> {
        const auto child = [](eddy::Started<int> started) -> Task<> {
            co_await eddy::yield();
            started(7);
            co_await eddy::sleep_for(1s);
        };
        const auto body = [&](eddy::TaskGroup& group) -> Task<> {
            const int value = co_await group.start<int>(child);
            static_cast<void>(value);
        };
        co_await eddy::with_task_group(body);
    });
}

TEST_CASE("a shortage in gather and gather_settled") {
    survives_shortage_in_job([]() -> Task<> {
        const auto [a, b] = co_await eddy::gather(gives(1), gives(2));
        static_cast<void>(a + b);
        std::vector<Task<int>> tasks;
        tasks.push_back(gives(1));
        tasks.push_back(fails_after(1s));
        tasks.push_back(fails_after(1s));
        const auto outcomes = co_await eddy::gather_settled(std::move(tasks));
        static_cast<void>(outcomes.size());
        std::vector<Task<int>> more;
        more.push_back(fails_after(1s));
        more.push_back(fails_after(1s));
        const auto values = co_await eddy::gather(std::move(more));
        static_cast<void>(values.size());
    });
}

TEST_CASE("a shortage in race, as_completed and map_bounded") {
    survives_shortage_in_job([]() -> Task<> {
        const auto winner = co_await eddy::race(gives(1), fails_after(1s));
        static_cast<void>(winner);
        std::vector<Task<int>> tasks;
        tasks.push_back(gives(1));
        tasks.push_back(gives(2));
        int sum = 0;
        co_await eddy::as_completed(std::move(tasks),
                                    [&sum](std::size_t, int value) { sum += value; });
        std::vector<int> items{1, 2, 3, 4};
        const auto doubled = co_await eddy::map_bounded(2, std::move(items), gives);
        static_cast<void>(doubled.size());
        std::vector<int> others{1, 2, 3};
        const auto settled = co_await eddy::map_bounded_settled(2, std::move(others), gives);
        static_cast<void>(settled.size());
    });
}

TEST_CASE("a shortage in scopes, timeouts and shields") {
    survives_shortage_in_job([]() -> Task<> {
        const bool slept = co_await eddy::move_on_after(1s, sleeps(1h));
        static_cast<void>(slept);
        try {
            co_await eddy::fail_after(1s, sleeps(1h));
        } catch (const eddy::TimedOut&) {
        }
        co_await eddy::shield(sleeps(1s));
        co_await eddy::detach_on_cancel(sleeps(1s));
        eddy::CancelScope scope;
        const eddy::CancelHandle stop = scope.handle();
        static_cast<void>(stop.cancel("with a reason that takes a string of its own"));
        const bool waited = co_await eddy::with_scope(scope, sleeps(1h));
        static_cast<void>(waited);
    });
}

TEST_CASE("a cleanup runs, however short memory is, if its body has begun") {
    bool begun = false;
    bool cleaned = false;
    std::size_t torn = 0;
    survives_shortage_in_job([&]() -> Task<> {
        begun = cleaned = false;
        const auto body = [&]() -> Task<> {
            begun = true;
            co_await eddy::sleep_for(1s);
            throw std::runtime_error("with a text that takes a string of its own");
        };
        const auto cleanup = [&]() -> Task<> {
            cleaned = true;
            co_return;
        };
        try {
            co_await eddy::with_cleanup(body(), cleanup());
        } catch (const std::exception&) {
        }
        torn += begun && !cleaned ? 1 : 0;
    });
    CHECK(torn == 0);
}

TEST_CASE("a shortage in retry") {
    survives_shortage_in_job([]() -> Task<> {
        int attempts = 0;
        const auto tries = [&attempts]() -> Task<int> {
            if (++attempts < 3) {
                co_return co_await fails_after(1ms);
            }
            co_return attempts;
        };
        const int value = co_await eddy::retry({.attempts = 3}, tries);
        static_cast<void>(value);
    });
}

TEST_CASE("a shortage in a JoinSet, and with its end") {
    survives_shortage_in_job([]() -> Task<> {
        eddy::JoinSet<int> set;
        set.spawn(gives(1));
        set.spawn(fails_after(1s));
        set.spawn(fails_after(1h));
        const auto first = co_await set.join_next();
        static_cast<void>(first.has_value());
        const auto second = co_await set.join_next();
        static_cast<void>(second.has_value());
    });
}

TEST_CASE("a shortage in timers, alarms and intervals") {
    survives_shortage_in_job([]() -> Task<> {
        int calls = 0;
        eddy::call_later(1s, [&calls] { ++calls; });
        eddy::TimerHandle later = eddy::call_later(1h, [&calls] { ++calls; });
        eddy::Interval interval(1s);
        co_await interval.tick();
        interval.reset();
        co_await interval.tick();
        static_cast<void>(later.cancel());
        std::vector<Task<>> crowd;
        for (int i = 0; i < 40; ++i) {
            crowd.push_back(sleeps(std::chrono::milliseconds(i * 7 % 40)));
        }
        co_await eddy::gather(std::move(crowd));
    });
}

TEST_CASE("a shortage in posting, callbacks and stop tokens") {
    survives_shortage_in_job([]() -> Task<> {
        const auto gate = std::make_shared<Gate>();  // outlives this, if memory is short
        static_cast<void>(eddy::Loop::current().post([gate] { gate->open(); }));
        static_cast<void>(eddy::Loop::current().post(
            [] { throw std::runtime_error("with a text that takes a string of its own"); }));
        co_await gate->wait();
        const auto calls = [](eddy::Completion<int> completion) { completion.resolve(3); };
        const int value = co_await eddy::from_callback<int>(calls);
        static_cast<void>(value);
        try {
            co_await eddy::from_callback<int>([](const eddy::Completion<int>&) {});
        } catch (const eddy::BrokenResource&) {
        }
        std::stop_source source;
        source.request_stop();
        const bool ran = co_await eddy::with_stop_token(source.get_token(), sleeps(1h));
        static_cast<void>(ran);
        const auto body = [](const std::stop_token&) { return sleeps(1s); };
        co_await eddy::with_stop_source(body);
    });
}

TEST_CASE("a shortage in task-locals, names, cancel handles and dumps") {
    static const eddy::TaskLocal<std::string> request;
    survives_shortage_in_job([]() -> Task<> {
        const auto bound = request.bind(std::string("a value that takes a string of its own"));
        eddy::JoinHandle<void> job =
            eddy::spawn(sleeps(1h), {.name = "a name that takes a string of its own"});
        co_await eddy::yield();
        const std::string dump = eddy::dump_jobs();
        const eddy::CancelHandle stop = job.cancel_handle();
        static_cast<void>(stop.cancel("a reason that takes a string of its own"));
        try {
            co_await job;
        } catch (const eddy::JobCancelled&) {
        }
    });
}

TEST_CASE("a shortage in a select, and in metrics") {
    survives_shortage_in_job([]() -> Task<> {
        const eddy::LoopMetrics metrics({.steps = true});
        Gate gate;
        const auto won = co_await eddy::select(gate.wait(), eddy::sleep_for(1s));
        static_cast<void>(won.index());
    });
}

TEST_CASE("a shortage in a select over a list, and in a wait for jobs") {
    survives_shortage_in_job([]() -> Task<> {
        std::vector<Gate> gates(3);
        eddy::call_later(1s, [&gates] { gates[1].open(); });
        const auto first = co_await eddy::select(gates, [](Gate& gate) { return gate.wait(); });
        CHECK(first.index == 1);
        std::vector<eddy::JoinHandle<int>> jobs;
        jobs.push_back(eddy::spawn(gives(1)));
        jobs.push_back(eddy::spawn(gives(2)));
        const auto some = co_await eddy::wait(jobs, eddy::WaitUntil::first_completed);
        CHECK(!some.done.empty());
        const auto all = co_await eddy::wait(jobs);
        CHECK(all.pending.empty());
    });
}

TEST_CASE("a shortage in a SignalSet") {
    survives_shortage_in_job([]() -> Task<> {
        eddy::SignalSet signals({SIGUSR2, SIGWINCH});
        const auto got = co_await eddy::move_on_after(
            1ms, [&signals]() -> Task<> { static_cast<void>(co_await signals.next()); });
        static_cast<void>(got);
    });
}

TEST_CASE("a shortage while failures are reported") {
    survives_shortage_in_job([]() -> Task<> {
        eddy::spawn(fails_after(0s));
        eddy::JoinHandle<int> dropped = eddy::spawn(fails_after(1s));
        co_await eddy::sleep_for(2s);
        eddy::report_failure(
            std::make_exception_ptr(std::runtime_error("with a text of its own, a long one")),
            "a test");
    });
}

TEST_CASE("a shortage in a seeded schedule") {
    survives_shortage([](eddy::testing::ShortageRun& run) {
        eddy::testing::VirtualClock clock;
        const auto main = []() -> Task<> {
            std::vector<Task<int>> tasks;
            for (int i = 0; i < 5; ++i) {
                tasks.push_back(gives(i));
            }
            const auto values = co_await eddy::gather(std::move(tasks));
            static_cast<void>(values.size());
        };
        run.begin();
        eddy::testing::CountingObserver observer;
        eddy::Loop({.clock = &clock, .observer = &observer, .schedule_seed = 7}).run(main());
    });
}

TEST_CASE("the sites of the runtime's scenarios are many") {
    MESSAGE(eddy::testing::Shortage::sites() << " sites so far in this process");
}

#endif
