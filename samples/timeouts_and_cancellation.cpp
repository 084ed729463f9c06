// SPDX-License-Identifier: MIT
// Timeouts and cancellation: one deadline for a whole request, whatever it consists of.
//
// No function here takes a timeout. A caller puts a scope around what it calls, and everything in
// it ends in time: retries, sleeps, children. What must not be torn is shielded, what has to be
// put away is a cleanup, and who was cancelled from outside never looks like somebody timed out.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>

#include <eddy/error.hpp>
#include <eddy/retry.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_cleanup.hpp>
#include <eddy/with_scope.hpp>

#include "finished.hpp"
#include "jumping_clock.hpp"

using namespace std::chrono_literals;

/// A server that answers the third attempt, each of which takes a second.
eddy::Task<std::string> ask(int& attempts) {
    co_await eddy::sleep_for(1s);
    if (++attempts < 3) {
        at_now() << "attempt " << attempts << " failed\n";
        throw std::runtime_error("busy");
    }
    co_return "forty-two";
}

eddy::Task<std::string> ask_until_answered(int& attempts) {
    const eddy::RetryPolicy policy{.attempts = 5, .first_delay = 500ms, .jitter = 0};
    co_return co_await eddy::retry(policy, ask, std::ref(attempts));
}

/// An empty optional says that the time was up; the work has ended by then.
eddy::Task<> a_deadline_around_retries() {
    for (const eddy::Duration patience : {2s, 10s}) {
        int attempts = 0;
        const auto answer = co_await eddy::move_on_after(patience, ask_until_answered(attempts));
        at_now() << (answer ? "the answer is " + *answer : std::string("gave up"))
                 << ", failed attempts: " << std::min(attempts, 2) << "\n";
    }
}

/// The booking is complete or not there: a timeout waits for what is shielded.
eddy::Task<> book() {
    co_await eddy::shield(eddy::sleep_for(3s));
    at_now() << "booked\n";
    co_await eddy::sleep_for(1h);  // the confirmation, which can wait
}

eddy::Task<> a_timeout_that_throws() {
    try {
        co_await eddy::fail_after(1s, book());
    } catch (const eddy::TimedOut& error) {
        at_now() << error.what() << "\n";
    }
}

eddy::Task<> serve(std::string name) {
    const auto work = [](const std::string& who) -> eddy::Task<> {
        at_now() << who << " works\n";
        co_await eddy::sleep_forever();
    };
    const auto put_away = [](const std::string& who) -> eddy::Task<> {
        co_await eddy::sleep_for(500ms);  // even this may take its time
        at_now() << who << " is put away\n";
    };
    co_await eddy::with_cleanup(work(name), put_away(name));
}

/// Cancelling a group ends everybody in it, and waits until they have cleaned up.
eddy::Task<> a_group_that_is_cancelled() {
    co_await eddy::with_task_group([](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(serve("anvil"));
        group.spawn(serve("bellows"));
        co_await eddy::sleep_for(1s);
        group.cancel("closing time");
    });
    at_now() << "nobody is left\n";
}

/// A timeout within a timeout: the outer one goes off first, so the inner one has nothing to say.
eddy::Task<> whose_timeout() {
    const bool completed =
        co_await eddy::move_on_after(1s, eddy::fail_after(10s, eddy::sleep_forever()));
    at_now() << (completed ? "completed\n" : "the outer timeout, not the inner one\n");
}

eddy::Task<> story() {
    co_await a_deadline_around_retries();
    co_await a_timeout_that_throws();
    co_await a_group_that_is_cancelled();
    co_await whose_timeout();
}

int main() {
    JumpingClock clock;
    return finished(eddy::run_main(story(), {}, {.clock = &clock}));
}
