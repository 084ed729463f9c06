// SPDX-License-Identifier: MIT
// Rate limited: a service takes four requests a second, and answers more with "too many".
//
// Six clients ask at once, and the last two are refused. With a RateLimiter they go one every
// 250 ms, in the order in which they came; one of them leaves while it waits, and those behind it
// move up. Time is virtual: it jumps when everybody waits.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <iostream>

#include <eddy/rate_limiter.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>

#include "finished.hpp"
#include "jumping_clock.hpp"

using namespace std::chrono_literals;

/// Refuses the request that would be the fifth within any 999 ms.
class Service {
public:
    bool request() {
        const eddy::TimePoint now = eddy::now();
        while (!served_.empty() && served_.front() + 999ms <= now) {
            served_.pop_front();
        }
        if (served_.size() == 4) {
            return false;
        }
        served_.push_back(now);
        return true;
    }

private:
    std::deque<eddy::TimePoint> served_;
};

std::ostream& at_now(eddy::TimePoint start) {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(eddy::now() - start);
    return std::cout << passed.count() << " ms: ";
}

/// How it was for one client.
eddy::Task<> ask(Service& service, int client, eddy::TimePoint start) {
    const bool served = service.request();
    at_now(start) << "client " << client << (served ? " is served\n" : ": too many requests\n");
    co_return;
}

eddy::Task<> ask_in_turn(eddy::RateLimiter& limiter,
                         Service& service,
                         int client,
                         eddy::TimePoint start) {
    co_await limiter.acquire();
    co_await ask(service, client, start);
}

eddy::Task<> impatient(eddy::RateLimiter& limiter,
                       Service& service,
                       int client,
                       eddy::TimePoint start) {
    const bool served =
        co_await eddy::move_on_after(600ms, ask_in_turn(limiter, service, client, start));
    if (!served) {
        at_now(start) << "client " << client << " gives up, and has used nothing\n";
    }
}

eddy::Task<> rate_limited() {
    Service service;
    std::cout << "without a limit\n";
    for (int client = 1; client <= 6; ++client) {
        co_await ask(service, client, eddy::now());
    }

    co_await eddy::sleep_for(10s);
    std::cout << "with four a second\n";
    eddy::RateLimiter limiter(4, 1s, 1);
    const eddy::TimePoint start = eddy::now();
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        for (int client = 1; client <= 8; ++client) {
            if (client == 5) {
                group.spawn(impatient(limiter, service, client, start));
            } else {
                group.spawn(ask_in_turn(limiter, service, client, start));
            }
        }
        co_return;
    });
    const bool at_once = limiter.try_acquire();
    std::cout << "one more at once: " << (at_once ? "yes" : "no") << "\n";
}

int main() {
    JumpingClock clock;
    return finished(eddy::run_main(rate_limited(), {}, {.clock = &clock}));
}
