// SPDX-License-Identifier: MIT
#include <csignal>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <eddy/as_completed.hpp>
#include <eddy/cancel_handle.hpp>
#include <eddy/current_job.hpp>
#include <eddy/detach_on_cancel.hpp>
#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/gather.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/join_set.hpp>
#include <eddy/loop.hpp>
#include <eddy/map_bounded.hpp>
#include <eddy/os/signal_set.hpp>
#include <eddy/race.hpp>
#include <eddy/scope.hpp>
#include <eddy/spawn.hpp>
#include <eddy/started.hpp>
#include <eddy/stop_token.hpp>
#include <eddy/task_local.hpp>
#include <eddy/with_scope.hpp>

#include "kit.hpp"
#include "scenario.hpp"

namespace scenarios {

namespace {

Task<int> fails(std::string why, eddy::Duration after) {
    co_await eddy::sleep_for(after);
    throw std::runtime_error(why);
}

/// Notes how it ends.
Task<> told(Trace& trace, std::string who, Task<> work) {
    try {
        co_await std::move(work);
        trace.note(who, "done");
    } catch (const eddy::Cancelled&) {
        trace.note(who, "cancelled");
        throw;
    } catch (const std::exception& error) {
        trace.note(who, std::string("failed: ") + error.what());
        throw;
    }
}
Task<> sleeps(eddy::Duration time) { co_await eddy::sleep_for(time); }
Task<> breaks(std::string why, eddy::Duration after) {
    static_cast<void>(co_await fails(std::move(why), after));
}

Task<> failing_child(Trace& trace) {
    try {
        co_await in_group([&](TaskGroup& group) -> Task<> {
            group.spawn(told(trace, "a", sleeps(1h)));
            group.spawn(told(trace, "b", breaks("b is broken", 2s)));
            group.spawn(told(trace, "c", sleeps(1s)));
            co_await told(trace, "body", sleeps(1h));
        });
    } catch (const eddy::ExceptionGroup& group) {
        trace.note("main", number(group.exceptions().size()) + " failure");
    }
}

Task<> nested_groups(Trace& trace) {
    const auto inner = [&](TaskGroup& group) -> Task<> {
        group.spawn(told(trace, "inner child", sleeps(1h)));
        co_await told(trace, "inner body", sleeps(3s));
        group.cancel("enough");
        trace.note("inner body", "cancels its group");
    };
    const auto hosts = [&]() -> Task<> { co_await eddy::with_task_group(inner); };
    co_await in_group([&](TaskGroup& group) -> Task<> {
        group.spawn(told(trace, "inner", hosts()));
        group.spawn(told(trace, "sibling", sleeps(4s)));
        co_await eddy::sleep_for(1s);
        trace.note("outer body", "ends");
    });
    trace.note("main", "all have ended");
}

Task<> started_child(Trace& trace) {
    const auto child = [&](eddy::Started<int> started) -> Task<> {
        co_await eddy::sleep_for(1s);
        started(7);
        co_await eddy::sleep_for(2s);
        trace.note("child", "ends");
    };
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const int value = co_await group.start<int>(child);
        trace.note("main", "started with " + number(value));
    });
    trace.note("main", "group over");
}

Task<> gathered(Trace& trace) {
    const auto [a, b, c] = co_await eddy::gather(gives(1, 3s), gives(2, 1s), gives(3, 2s));
    trace.note("main", number(a) + number(b) + number(c));
    try {
        const auto both = co_await eddy::gather(gives(1, 1h), fails("no", 1s));
        trace.note("main", number(std::get<0>(both)));
    } catch (const std::runtime_error& error) {
        trace.note("main", error.what());
    }
    auto [good, bad] = co_await eddy::gather_settled(gives(5, 2s), fails("no", 1s));
    trace.note("main", number(good.value()) + (bad.has_value() ? " and" : " but"));
}

Task<> raced(Trace& trace) {
    const auto first = co_await eddy::race(gives(1, 3s), gives(2, 1s), gives(3, 2s));
    trace.note("main", number(first) + " wins");
}

Task<> as_they_complete(Trace& trace) {
    std::vector<Task<int>> tasks;
    tasks.push_back(gives(10, 3s));
    tasks.push_back(gives(11, 1s));
    tasks.push_back(gives(12, 2s));
    co_await eddy::as_completed(std::move(tasks), [&trace](std::size_t index, int value) {
        trace.note("main", number(index) + " has " + number(value));
    });
}

Task<> bounded_map(Trace& trace) {
    const auto work = [&trace](int seconds) -> Task<int> {
        co_await eddy::sleep_for(std::chrono::seconds(seconds));
        trace.note("item of " + number(seconds), "done");
        co_return seconds * 10;
    };
    std::vector<int> items{3, 1, 4, 2};
    const auto results = co_await eddy::map_bounded(2, std::move(items), work);
    std::string all;
    for (const int result : results) {
        all += number(result) + " ";
    }
    trace.note("main", all);
}

Task<> join_set(Trace& trace) {
    co_await in_group([&](TaskGroup& group) -> Task<> {
        eddy::JoinSet<int> set(group);
        set.spawn(gives(1, 2s));
        set.spawn(gives(2, 1s));
        set.spawn(fails("third", 3s));
        while (true) {
            auto next = co_await set.join_next();
            if (!next) {
                break;
            }
            trace.note("main", next->has_value() ? "value " + number(next->value()) : "failure");
        }
    });
}

Task<> handles(Trace& trace) {
    eddy::JoinHandle<int> one = eddy::spawn(gives(1, 1s));
    eddy::JoinHandle<int> two = eddy::spawn(gives(2, 1h));
    eddy::JoinHandle<int> three = eddy::spawn(fails("three", 2s));
    const int value = co_await one;
    trace.note("main", "one gave " + number(value));
    two.cancel();
    try {
        static_cast<void>(co_await two);
    } catch (const eddy::JobCancelled&) {
        trace.note("main", "two was cancelled");
    }
    try {
        static_cast<void>(co_await three);
    } catch (const std::runtime_error& error) {
        trace.note("main", std::string(error.what()) + " failed");
    }
}

Task<> callbacks(Trace& trace) {
    const auto later = [](eddy::Completion<int> completion) {
        static_cast<void>(eddy::Loop::current().post(
            [completion = std::move(completion)]() mutable { completion.resolve(4); }));
    };
    const int value = co_await eddy::from_callback<int>(later);
    trace.note("main", "called back with " + number(value));
    try {
        co_await eddy::from_callback<int>([](const eddy::Completion<int>&) {});
    } catch (const eddy::BrokenResource&) {
        trace.note("main", "nobody calls back");
    }
}

Task<> detached(Trace& trace) {
    const auto flush = [&trace]() -> Task<> {
        co_await eddy::sleep_for(3s);
        trace.note("flush", "done");
    };
    const auto body = [&]() -> Task<> { co_await eddy::detach_on_cancel(flush()); };
    const bool waited = co_await eddy::move_on_after(1s, body());
    trace.note("main", waited ? "waited" : "went on");
    co_await eddy::sleep_for(5s);
}

Task<> stop_tokens(Trace& trace) {
    std::stop_source source;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto stops = [&source]() -> Task<> {
            co_await eddy::sleep_for(2s);
            source.request_stop();
        };
        group.spawn(stops);
        const bool whole =
            co_await eddy::with_stop_token(source.get_token(), told(trace, "work", sleeps(1h)));
        trace.note("main", whole ? "whole" : "stopped");
    });
}

Task<> locals(Trace& trace) {
    static const eddy::TaskLocal<std::string> request;
    const auto says = [&trace](std::string who) -> Task<> {
        co_await eddy::sleep_for(1s);
        const std::string* value = request.get();
        trace.note(who, value != nullptr ? *value : "nothing");
    };
    co_await in_group([&](TaskGroup& group) -> Task<> {
        group.spawn(says, "before");
        const auto bound = request.bind(std::string("seven"));
        group.spawn(says, "inside");
        co_await says("here");
    });
}

Task<> cancelled_by_handle(Trace& trace) {
    eddy::CancelScope scope;
    const eddy::CancelHandle stop = scope.handle();
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto stops = [&]() -> Task<> {
            co_await eddy::sleep_for(1s);
            static_cast<void>(stop.cancel("by a handle"));
        };
        group.spawn(stops);
        const bool whole = co_await eddy::with_scope(scope, told(trace, "work", sleeps(1h)));
        trace.note("main", whole ? "whole" : scope.cancelled_caught() ? "caught" : "lost");
    });
}

/// A signal to the process, twice.
Task<> signalled(Trace& trace) {
    eddy::SignalSet signals({SIGUSR2});
    for (int i = 0; i < 2; ++i) {
        std::raise(SIGUSR2);
        const int number_of_it = co_await signals.next();
        trace.note("main", number_of_it == SIGUSR2 ? "signalled" : "something else");
    }
}

}  // namespace

std::vector<Scenario> job_scenarios() {
    return {
        {"a child that fails ends its group",
         failing_child,
         "a: 2000 cancelled\n"
         "b: 2000 failed: b is broken\n"
         "body: 2000 cancelled\n"
         "c: 1000 done\n"
         "main: 2000 1 failure\n"
         "~: 2000 over\n"},
        {"a group in a group",
         nested_groups,
         "inner: 3000 done\n"
         "inner body: 3000 done, 3000 cancels its group\n"
         "inner child: 3000 cancelled\n"
         "main: 4000 all have ended\n"
         "outer body: 1000 ends\n"
         "sibling: 4000 done\n"
         "~: 4000 over\n"},
        {"a child that says when it has started",
         started_child,
         "child: 3000 ends\n"
         "main: 1000 started with 7, 3000 group over\n"
         "~: 3000 over\n"},
        {"results gathered",
         gathered,
         "main: 3000 123, 4000 no, 6000 5 but\n"
         "~: 6000 over\n"},
        {"a race",
         raced,
         "main: 1000 2 wins\n"
         "~: 1000 over\n"},
        {"results as they complete",
         as_they_complete,
         "main: 1000 1 has 11, 2000 2 has 12, 3000 0 has 10\n"
         "~: 3000 over\n"},
        {"a map with a limit",
         bounded_map,
         "item of 1: 1000 done\n"
         "item of 2: 5000 done\n"
         "item of 3: 3000 done\n"
         "item of 4: 5000 done\n"
         "main: 5000 30 10 40 20 \n"
         "~: 5000 over\n"},
        {"a join set",
         join_set,
         "main: 1000 value 2, 2000 value 1, 3000 failure\n"
         "~: 3000 over\n"},
        {"handles of jobs",
         handles,
         "main: 1000 one gave 1, 1000 two was cancelled, 2000 three failed\n"
         "~: 2000 over\n"},
        {"callbacks",
         callbacks,
         "main: 0 called back with 4, 0 nobody calls back\n"
         "~: 0 over\n"},
        {"work that a timeout leaves behind",
         detached,
         "flush: 3000 done\n"
         "main: 1000 went on\n"
         "~: 6000 over\n"},
        {"stop tokens",
         stop_tokens,
         "main: 2000 stopped\n"
         "work: 2000 cancelled\n"
         "~: 2000 over\n"},
        {"signals",
         signalled,
         "main: 0 signalled, 0 signalled\n"
         "~: 0 over\n"},
        {"task-locals",
         locals,
         "before: 1000 nothing\n"
         "here: 1000 seven\n"
         "inside: 1000 seven\n"
         "~: 1000 over\n"},
        {"a scope cancelled by its handle",
         cancelled_by_handle,
         "main: 1000 caught\n"
         "work: 1000 cancelled\n"
         "~: 1000 over\n"},
    };
}

}  // namespace scenarios
