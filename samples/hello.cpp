// SPDX-License-Identifier: MIT
// Hello: a few jobs, a group, a timeout.
//
// Two greeters run at the same time in one group, a third is too slow and is told to stop by its
// timeout. When `with_task_group` returns, nothing of it runs any more: no job is left behind, and
// a failure in any of them would have come out here.
#include <chrono>
#include <iostream>
#include <string>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;

eddy::Task<int> greet(std::string name, eddy::Duration pause) {
    co_await eddy::sleep_for(pause);
    std::cout << "hello, " << name << "\n";
    co_return static_cast<int>(name.size());
}

eddy::Task<> hello() {
    const int letters =
        co_await eddy::with_task_group([](eddy::TaskGroup& group) -> eddy::Task<int> {
            eddy::JoinHandle<int> world = group.spawn(greet("world", 20ms));
            eddy::JoinHandle<int> loop = group.spawn(greet("loop", 10ms));
            const int first = co_await loop;
            co_return first + co_await world;
        });
    std::cout << letters << " letters\n";

    const auto slow = co_await eddy::move_on_after(30ms, greet("sloth", 1h));
    std::cout << (slow ? "the sloth made it\n" : "the sloth was too slow\n");
}

int main() {
    const int status = eddy::run_main(hello());
    return std::cout.flush() ? status : 1;
}
