// SPDX-License-Identifier: MIT
// A primitive of your own: a tap that drips.
//
// A drop falls every second, to the job that has waited longest; none falls while nobody waits. The
// primitive is in tap.hpp; this uses it as one of Eddy's own: with a timeout around the wait, which
// takes a job out of the queue and leaves nothing behind.
#include <chrono>
#include <iostream>
#include <string>

#include <eddy/run.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>

#include "finished.hpp"
#include "jumping_clock.hpp"
#include "tap.hpp"

using namespace std::chrono_literals;

eddy::Task<> drink(std::string name, Tap& tap, eddy::Duration patience) {
    const auto drop = co_await eddy::move_on_after(patience, tap.drop());
    at_now() << name << (drop ? " drinks drop " + std::to_string(*drop) : " is tired of waiting")
             << "\n";
}

eddy::Task<> story() {
    Tap tap(1s);
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(drink("ann", tap, 1h));
        group.spawn(drink("bob", tap, 1500ms));  // his turn would have come at 2 s
        group.spawn(drink("cid", tap, 1h));
        co_return;
    });
    at_now() << "nobody waits, nothing drips\n";
}

int main() {
    JumpingClock clock;
    return finished(eddy::run_main(story(), {}, {.clock = &clock}));
}
