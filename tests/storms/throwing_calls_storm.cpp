// SPDX-License-Identifier: MIT
// Offloaded calls that throw what only they know: each await gets its own.
#include <stdexcept>
#include <string>

#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/task_group.hpp>
#include <eddy/thread_pool.hpp>

#include "storm.hpp"

namespace {

using eddy::Task;

constexpr std::size_t at_once = 1'000;

void throw_name(std::size_t number) { throw std::runtime_error(std::to_string(number)); }

Task<> call(eddy::ThreadPool& pool, std::size_t number, std::size_t& right) {
    try {
        co_await eddy::run_in_executor(pool, throw_name, number);
    } catch (const std::runtime_error& error) {
        right += error.what() == std::to_string(number) ? 1U : 0U;
    }
}

Task<> storm(std::size_t count, std::size_t& right) {
    eddy::ThreadPool pool({.threads = 4});
    for (std::size_t done = 0; done < count; done += at_once) {
        co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
            for (std::size_t i = done; i < done + at_once && i < count; ++i) {
                group.spawn(call(pool, i, right));
            }
            co_return;
        });
    }
}

bool throwing_calls(std::size_t count) {
    std::size_t right = 0;
    eddy::run(storm(count, right));
    return storms::check(right == count, "every await gets its own exception");
}

const storms::Registered registered(
    {"throwing_calls", "calls that throw", 20'000, 1'000'000, throwing_calls});

}  // namespace
