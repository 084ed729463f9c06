// SPDX-License-Identifier: MIT
// A second pool for calls that block.
//
// Calls that wait (a database driver, getaddrinfo, a device) must not take the threads that
// compute. Here ten of them fill a pool of their own, where they also report progress to the loop
// through a portal, while the default pool computes as if they were not there.
#include <functional>
#include <iostream>
#include <latch>
#include <string>

#include <eddy/portal.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/task_group.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/yield.hpp>

#include "finished.hpp"

/// What the loop knows; only its thread touches it.
struct Progress {
    int connected = 0;
};

void note_connected(Progress& progress) { ++progress.connected; }

/// Stands for a driver that blocks: it waits until somebody answers.
std::string query(int number, std::latch& answer, const eddy::Portal& loop, Progress& progress) {
    loop.call(note_connected, std::ref(progress));
    answer.wait();
    return "row " + std::to_string(number);
}

eddy::Task<> fetch(eddy::ThreadPool& drivers,
                   std::latch& answer,
                   Progress& progress,
                   int number,
                   std::string& row) {
    row = co_await eddy::run_in_executor(
        drivers, query, number, std::ref(answer), eddy::Portal(), std::ref(progress));
}

int sum_to(int n) {
    int sum = 0;
    for (int i = 1; i <= n; ++i) {
        sum += i;
    }
    return sum;
}

eddy::Task<> show() {
    constexpr int queries = 10;
    eddy::ThreadPool drivers({.name = "db", .threads = queries});
    std::latch answer(1);
    Progress progress;
    std::string rows[queries];

    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        for (int i = 0; i < queries; ++i) {
            group.spawn(fetch(drivers, answer, progress, i, rows[i]));
        }
        while (progress.connected < queries) {
            co_await eddy::yield();
        }
        std::cout << drivers.statistics().running << " queries wait\n";

        const int sum = co_await eddy::run_in_executor(sum_to, 1'000);
        std::cout << "meanwhile the default pool computed " << sum << "\n";
        answer.count_down();
    });
    std::cout << rows[0] << " ... " << rows[queries - 1] << "\n";
    std::cout << drivers.statistics().done << " queries done\n";
}

int main() { return finished(eddy::run_main(show())); }
