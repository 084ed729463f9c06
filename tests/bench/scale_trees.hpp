// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>

#include <eddy/exception_group.hpp>
#include <eddy/run.hpp>
#include <eddy/scope.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/wait_queue.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "bench.hpp"
#include "gate.hpp"

/// Groups in groups in groups: how their cost grows with the depth.
namespace bench::scale {

inline eddy::Task<> nested(int depth, Gate& gate) {
    if (depth == 0) {
        co_await gate.wait();
        co_return;
    }
    co_await eddy::with_task_group([&gate, depth](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(nested(depth - 1, gate));
        co_await gate.wait();
    });
}

/// Nanoseconds a level, of cancelling `depth` groups in each other from outside.
inline double cancel_nested(int depth) {
    double spent = 0;
    eddy::run([](int levels, double& nanos) -> eddy::Task<> {
        Gate gate;
        eddy::JoinHandle<void> job = eddy::spawn(nested(levels, gate));
        for (int i = 0; i < 2 * levels + 10; ++i) {
            co_await eddy::yield();  // until all of them wait
        }
        const double start = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
        job.cancel();
        co_await job.wait();
        nanos = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start;
    }(depth, spent));
    return spent / depth;
}

inline eddy::Task<> failing(int depth) {
    if (depth == 0) {
        throw std::runtime_error("the innermost job has failed");
    }
    co_await eddy::with_task_group([depth](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(failing(depth - 1));
        co_return;
    });
}

/// Nanoseconds a level, of `depth` groups in each other that fail, described at the end.
inline double fail_nested(int depth) {
    const double start = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    try {
        eddy::run(failing(depth));
    } catch (const std::exception& error) {
        if (std::string(error.what()).empty()) {
            std::abort();
        }
    }
    return (nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start) / depth;
}

/// Bytes of what a group of so many failures has to say.
inline double fail_many(int count) {
    std::size_t length = 0;
    try {
        eddy::run([](int jobs) -> eddy::Task<> {
            co_await eddy::with_task_group([jobs](eddy::TaskGroup& group) -> eddy::Task<> {
                for (int i = 0; i < jobs; ++i) {
                    group.spawn(failing(0));
                }
                co_return;
            });
        }(count));
    } catch (const std::exception& error) {
        length = std::string(error.what()).size();
    }
    return static_cast<double>(length);
}

}  // namespace bench::scale
