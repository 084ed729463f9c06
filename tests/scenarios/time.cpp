// SPDX-License-Identifier: MIT
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/call_later.hpp>
#include <eddy/error.hpp>
#include <eddy/interval.hpp>
#include <eddy/retry.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/with_cleanup.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "kit.hpp"
#include "scenario.hpp"

namespace scenarios {

namespace {

using eddy::testing::Gate;

Task<> steps(Trace& trace, std::string who, int count, eddy::Duration each) {
    for (int i = 1; i <= count; ++i) {
        co_await eddy::sleep_for(each);
        trace.note(who, "step " + number(i));
    }
}

Task<> sleepers(Trace& trace) {
    co_await in_group([&](TaskGroup& group) -> Task<> {
        group.spawn(steps(trace, "a", 3, 2s));
        group.spawn(steps(trace, "b", 2, 3s));
        group.spawn(steps(trace, "c", 6, 1s));
        co_await eddy::sleep_until(eddy::after(eddy::now(), 10s));
        trace.note("main", "slept");
    });
}

Task<> timeout(Trace& trace) {
    const bool in_time = co_await eddy::move_on_after(2500ms, steps(trace, "work", 5, 1s));
    trace.note("work", in_time ? "done" : "cut");
    const bool again = co_await eddy::move_on_after(2500ms, steps(trace, "more", 2, 1s));
    trace.note("more", again ? "done" : "cut");
}

Task<> nested_timeouts(Trace& trace) {
    const auto inner = [&]() -> Task<> {
        try {
            co_await eddy::fail_after(1s, steps(trace, "inner", 5, 400ms));
        } catch (const eddy::TimedOut&) {
            trace.note("inner", "timed out");
        }
        co_await steps(trace, "outer", 5, 1s);
    };
    const bool in_time = co_await eddy::move_on_after(3500ms, inner());
    trace.note("outer", in_time ? "done" : "cut");
}

Task<> shielded(Trace& trace) {
    eddy::CancelScope scope;
    const auto worker = [&]() -> Task<> {
        try {
            co_await eddy::shield(steps(trace, "worker", 3, 1s));
            co_await eddy::checkpoint();
            trace.note("worker", "went on");
        } catch (const eddy::Cancelled&) {
            trace.note("worker", "cancelled");
            throw;
        }
    };
    co_await in_group([&](TaskGroup& group) -> Task<> {
        group.spawn(steps(trace, "other", 4, 1s));
        const auto stops = [&]() -> Task<> {
            co_await eddy::sleep_for(1500ms);
            scope.cancel("now");
            trace.note("main", "cancels");
        };
        group.spawn(stops);
        const bool whole = co_await eddy::with_scope(scope, worker());
        trace.note("main", whole ? "whole" : "ended");
    });
}

Task<> moved_deadline(Trace& trace) {
    const auto body = [&](eddy::CancelScope& scope) -> Task<> {
        for (int i = 0; i < 3; ++i) {
            scope.set_deadline(eddy::after(eddy::now(), 2s));  // still making progress
            co_await eddy::sleep_for(1500ms);
            trace.note("work", "progress");
        }
        co_await eddy::sleep_for(1h);
    };
    const eddy::ScopeOptions options{.timeout = 1s};
    const bool done = co_await eddy::with_scope(options, body);
    trace.note("work", done ? "done" : "cut");
}

Task<> ticks(Trace& trace) {
    eddy::Interval interval(1s);
    for (int i = 0; i < 4; ++i) {
        co_await interval.tick();
        trace.note("clock", "tick");
        if (i == 1) {
            co_await eddy::sleep_for(300ms);
        }
    }
    interval.reset();
    co_await interval.tick();
    trace.note("clock", "tick after a reset");
}

Task<> timed_calls(Trace& trace) {
    eddy::call_later(1s, [&trace] { trace.note("call", "first"); });
    eddy::call_later(2s, [&trace] { trace.note("call", "second"); });
    eddy::TimerHandle never = eddy::call_later(3s, [&trace] { trace.note("call", "never"); });
    co_await eddy::sleep_for(2500ms);
    const bool was_pending = never.cancel();
    trace.note("main", was_pending ? "takes one back" : "too late");
    co_await eddy::sleep_for(2s);
}

Task<> retried(Trace& trace) {
    int attempts = 0;
    const auto tries = [&]() -> Task<int> {
        co_await eddy::sleep_for(100ms);
        trace.note("attempt", number(++attempts));
        if (attempts < 3) {
            throw std::runtime_error("not yet");
        }
        co_return attempts;
    };
    const eddy::RetryPolicy policy{.attempts = 4, .first_delay = 1s, .factor = 2, .jitter = 0};
    const int value = co_await eddy::retry(policy, tries);
    trace.note("main", "got " + number(value));
}

Task<> cleaned_up(Trace& trace) {
    const auto cleanup = [&]() -> Task<> {
        co_await eddy::sleep_for(1s);
        trace.note("cleanup", "done");
    };
    const auto body = [&]() -> Task<> {
        co_await eddy::with_cleanup(steps(trace, "work", 9, 1s), cleanup());
    };
    const bool whole = co_await eddy::move_on_after(2500ms, body());
    trace.note("main", whole ? "whole" : "cut");
}

Task<> chosen(Trace& trace) {
    Gate early;
    Gate late;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto opens = [](Gate& gate, eddy::Duration after) -> Task<> {
            co_await eddy::sleep_for(after);
            gate.open();
        };
        group.spawn(opens, std::ref(early), 1s);
        group.spawn(opens, std::ref(late), 3s);
        const auto first = co_await eddy::select(early.wait(), late.wait(), eddy::sleep_for(2s));
        trace.note("main", "first " + number(first.index()));
        const auto second = co_await eddy::select(late.wait(), eddy::sleep_for(1s));
        trace.note("main", "second " + number(second.index()));
        const auto third = co_await eddy::select(eddy::sleep_for(10s), late.wait());
        trace.note("main", "third " + number(third.index()));
    });
}

Task<> polite(Trace& trace) {
    int turns = 0;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        const auto yields = [&](std::string who) -> Task<> {
            for (int i = 0; i < 5; ++i) {
                co_await eddy::yield();
                ++turns;
            }
            co_await eddy::checkpoint();
            trace.note(who, "done");
        };
        for (int i = 0; i < 4; ++i) {
            group.spawn(yields, "job " + number(i));
        }
        co_await eddy::sleep_for(1s);
        trace.note("main", number(turns) + " turns");
    });
}

}  // namespace

std::vector<Scenario> time_scenarios() {
    return {
        {"sleeps of several jobs",
         sleepers,
         "a: 2000 step 1, 4000 step 2, 6000 step 3\n"
         "b: 3000 step 1, 6000 step 2\n"
         "c: 1000 step 1, 2000 step 2, 3000 step 3, 4000 step 4, 5000 step 5, 6000 "
         "step 6\n"
         "main: 10000 slept\n"
         "~: 10000 over\n"},
        {"a timeout that cuts, and one that does not",
         timeout,
         "more: 3500 step 1, 4500 step 2, 4500 done\n"
         "work: 1000 step 1, 2000 step 2, 2500 cut\n"
         "~: 4500 over\n"},
        {"timeouts inside each other",
         nested_timeouts,
         "inner: 400 step 1, 800 step 2, 1000 timed out\n"
         "outer: 2000 step 1, 3000 step 2, 3500 cut\n"
         "~: 3500 over\n"},
        {"a shield delays a cancellation",
         shielded,
         "main: 1500 cancels, 3000 ended\n"
         "other: 1000 step 1, 2000 step 2, 3000 step 3, 4000 step 4\n"
         "worker: 1000 step 1, 2000 step 2, 3000 step 3, 3000 cancelled\n"
         "~: 4000 over\n"},
        {"a deadline that is moved while there is progress",
         moved_deadline,
         "work: 1500 progress, 3000 progress, 4500 progress, 5000 cut\n"
         "~: 5000 over\n"},
        {"an interval, and its reset",
         ticks,
         "clock: 0 tick, 1000 tick, 2000 tick, 3000 tick, 4000 tick after a reset\n"
         "~: 4000 over\n"},
        {"functions called later, one taken back",
         timed_calls,
         "call: 1000 first, 2000 second\n"
         "main: 2500 takes one back\n"
         "~: 4500 over\n"},
        {"a call that is tried again",
         retried,
         "attempt: 100 1, 1200 2, 3300 3\n"
         "main: 3300 got 3\n"
         "~: 3300 over\n"},
        {"a cleanup after a timeout",
         cleaned_up,
         "cleanup: 3500 done\n"
         "main: 3500 cut\n"
         "work: 1000 step 1, 2000 step 2\n"
         "~: 3500 over\n"},
        {"selects of gates and sleeps",
         chosen,
         "main: 1000 first 0, 2000 second 1, 3000 third 1\n"
         "~: 3000 over\n"},
        {"jobs that yield",
         polite,
         "job 0: 0 done\n"
         "job 1: 0 done\n"
         "job 2: 0 done\n"
         "job 3: 0 done\n"
         "main: 1000 20 turns\n"
         "~: 1000 over\n"},
    };
}

}  // namespace scenarios
