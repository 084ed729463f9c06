// SPDX-License-Identifier: MIT
// Await a counter: three workers run, one job waits until none is left.
//
// A Counter is a number that jobs change and wait for. A wait returns the value it waited for, as
// it was when it was reached. The workers take 1, 2 and 3 seconds, but of a clock that jumps as
// soon as everybody waits, so the program takes no time and always prints the same.
#include <chrono>
#include <cstdint>
#include <iostream>
#include <stdexcept>

#include <eddy/counter.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>

#include "finished.hpp"
#include "jumping_clock.hpp"

using namespace std::chrono_literals;

eddy::Task<> worker(int number, eddy::Counter& running) {
    co_await eddy::sleep_for(std::chrono::seconds(number));
    const std::int64_t left = running.decrement();
    at_now() << "worker " << number << " is done, " << left << " left\n";
}

/// A threshold: costs the counter nothing until it is reached.
eddy::Task<> watch_for_the_last(eddy::Counter& running) {
    const std::int64_t left = co_await running.wait_at_most(1);
    at_now() << "nearly there, " << left << " left\n";
}

eddy::Task<> await_counter() {
    eddy::Counter running;
    co_await eddy::with_task_group([&running](eddy::TaskGroup& group) -> eddy::Task<> {
        for (int number = 1; number <= 3; ++number) {
            running.increment();
            group.spawn(worker(number, running));
        }
        group.spawn(watch_for_the_last(running));
        at_now() << running.value() << " workers run\n";
        co_await running.wait_until_zero();
        at_now() << "all done\n";
    });

    try {
        running.decrement();
    } catch (const std::out_of_range& error) {
        std::cout << "refused: " << error.what() << "\n";
    }
    try {
        running.increment(-1);
    } catch (const std::invalid_argument& error) {
        std::cout << "refused: " << error.what() << "\n";
    }
    std::cout << "the value is still " << running.value() << "\n";
}

int main() {
    JumpingClock clock;
    return finished(eddy::run_main(await_counter(), {}, {.clock = &clock}));
}
