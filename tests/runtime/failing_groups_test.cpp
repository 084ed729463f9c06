// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/gather.hpp>
#include <eddy/join_set.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>

#include "test_kit.hpp"

// Groups of 2 to 100 jobs of which many fail: each failure comes out once, in one place.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::ExceptionGroup;
using eddy::Task;
using eddy::TaskGroup;

constexpr std::size_t sizes[] = {2, 3, 5, 10, 16, 17, 32, 33, 64, 99, 100};

struct Failure : std::runtime_error {
    explicit Failure(std::size_t which)
        : runtime_error("failure " + std::to_string(which)), number(which) {}
    std::size_t number;
};

/// The numbers of all failures, in groups within groups too, in ascending order.
void collect(const std::exception_ptr& error, std::vector<std::size_t>& numbers) {
    if (holds<ExceptionGroup>(error)) {
        for (const std::exception_ptr& part : as<ExceptionGroup>(error).exceptions()) {
            collect(part, numbers);
        }
    } else if (holds<Failure>(error)) {
        numbers.push_back(as<Failure>(error).number);
    } else {
        FAIL("a failure that nobody threw");
    }
}

std::vector<std::size_t> numbers_of(const std::exception_ptr& error) {
    std::vector<std::size_t> numbers;
    if (error) {
        collect(error, numbers);
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

std::vector<std::size_t> first_numbers(std::size_t count) {
    std::vector<std::size_t> numbers(count);
    for (std::size_t i = 0; i < count; ++i) {
        numbers[i] = i;
    }
    return numbers;
}

Task<> fails_at_gate(Gate& gate, std::size_t number) {
    co_await gate.wait();
    throw Failure(number);
}

/// Fails only because another one has: on its way out.
Task<> fails_when_cancelled(std::size_t number) {
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled&) {
        throw Failure(number);
    }
}

Task<> fails_after(eddy::Duration time, std::size_t number) {
    co_await eddy::sleep_for(time);
    throw Failure(number);
}

Task<> all_at_once(TaskGroup& group, std::size_t size, Gate& gate) {
    for (std::size_t i = 0; i < size; ++i) {
        group.spawn(fails_at_gate(gate, i));
    }
    co_await settle();
    gate.open();
}

Task<> one_after_the_other(TaskGroup& group, std::size_t size) {
    group.spawn(fails_after(1s, 0));
    for (std::size_t i = 1; i < size; ++i) {
        group.spawn(fails_when_cancelled(i));
    }
    co_return;
}

/// Half of the jobs are groups of two that fail.
Task<> nested(TaskGroup& group, std::size_t size) {
    for (std::size_t i = 0; i + 1 < size; i += 2) {
        group.spawn(
            [](std::size_t number) -> Task<> {
                co_await eddy::with_task_group([number](TaskGroup& inner) -> Task<> {
                    inner.spawn(fails_when_cancelled(number));
                    inner.spawn(fails_after(1s, number + 1));
                    co_return;
                });
            },
            i);
    }
    if (size % 2 != 0) {
        group.spawn(fails_when_cancelled(size - 1));
    }
    co_return;
}

EDDY_TEST_CASE("of 2 to 100 jobs that fail in the same turn, every failure comes out, once") {
    for (const std::size_t size : sizes) {
        Gate gate;
        const auto error = co_await error_of(eddy::with_task_group(
            [&gate, size](TaskGroup& group) { return all_at_once(group, size, gate); }));
        CHECK(holds<ExceptionGroup>(error));
        CHECK(numbers_of(error) == first_numbers(size));
    }
}

EDDY_TEST_CASE("of 2 to 100 jobs that fail because one did, every failure comes out, once") {
    for (const std::size_t size : sizes) {
        const auto error = co_await error_of(eddy::with_task_group(
            [size](TaskGroup& group) { return one_after_the_other(group, size); }));
        CHECK(numbers_of(error) == first_numbers(size));
    }
}

EDDY_TEST_CASE("of 2 to 100 jobs in failing groups of a group, every failure comes out, once") {
    for (const std::size_t size : sizes) {
        const auto error = co_await error_of(
            eddy::with_task_group([size](TaskGroup& group) { return nested(group, size); }));
        CHECK(numbers_of(error) == first_numbers(size));
    }
}

EDDY_TEST_CASE("of 2 to 100 tasks that fail, gather throws one and reports the others") {
    auto& reported = expected_failures();
    for (const std::size_t size : sizes) {
        reported.clear();
        std::vector<Task<>> tasks;
        tasks.push_back(fails_after(1s, 0));
        for (std::size_t i = 1; i < size; ++i) {
            tasks.push_back(fails_when_cancelled(i));
        }
        auto gathering = eddy::gather(std::move(tasks));
        const auto error = co_await error_of(std::move(gathering));
        CHECK(numbers_of(error) == std::vector<std::size_t>{0});
        CHECK(reported.size() == size - 1);
    }
    reported.clear();
}

EDDY_TEST_CASE("of 2 to 100 jobs that fail in a set, each outcome is handed out, once") {
    for (const std::size_t size : sizes) {
        std::vector<std::size_t> numbers;
        co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
            eddy::JoinSet<void> set(group);
            for (std::size_t i = 0; i < size; ++i) {
                set.spawn(fails_after(1s * (i % 3), i));
            }
            while (!set.empty()) {
                const auto outcome = co_await set.join_next();
                collect(outcome->error(), numbers);
            }
        });
        std::sort(numbers.begin(), numbers.end());
        CHECK(numbers == first_numbers(size));
    }
}

}  // namespace
