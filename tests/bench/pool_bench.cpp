// SPDX-License-Identifier: MIT
// What a resource pool adds to what it is made of: a semaphore, and a vector of idle resources.
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <eddy/resource_pool.hpp>
#include <eddy/run.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/task_group.hpp>
#include <eddy/yield.hpp>

#include "command_line.hpp"
#include "counting_new.hpp"

namespace bench {

namespace {

constexpr std::size_t loans = 2'000'000;
constexpr std::size_t contended_loans = 500'000;
constexpr std::size_t resources = 4;

struct Resource {
    std::size_t uses = 0;
};
using Owned = std::unique_ptr<Resource>;

eddy::Task<Owned> make() { co_return std::make_unique<Resource>(); }

// --- the pool ----------------------------------------------------------------------------------

using Pool = eddy::ResourcePool<Owned>;

eddy::Task<> lend_often(Pool& pool, std::size_t count, bool yields) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto lease = co_await pool.acquire();
        ++(*lease)->uses;
        if (yields) {
            co_await eddy::yield();
        }
    }
}

eddy::Task<Sample> measure_pool() {
    Pool pool({.make = make}, {.max_total = resources});
    co_await lend_often(pool, 1, false);
    const Meter meter;
    co_await lend_often(pool, loans, false);
    co_return meter.stop(loans);
}

eddy::Task<Sample> measure_tried_pool() {
    Pool pool({.make = make}, {.max_total = resources});
    co_await lend_often(pool, 1, false);
    const Meter meter;
    for (std::size_t i = 0; i < loans; ++i) {
        const auto lease = pool.try_acquire();
        ++(**lease)->uses;
    }
    co_return meter.stop(loans);
}

eddy::Task<Sample> measure_keyed_pool() {
    const auto make_keyed = [](const int&) { return make(); };
    eddy::ResourcePool<Owned, int> pool({.make = make_keyed}, {.max_total = resources});
    std::size_t sum = 0;
    const Meter meter;
    for (std::size_t i = 0; i < loans; ++i) {
        const int key = static_cast<int>(i % resources);
        const auto lease = co_await pool.acquire(key);
        sum += ++(*lease)->uses;
    }
    asm volatile("" : : "r"(sum));
    co_return meter.stop(loans);
}

eddy::Task<Sample> measure_contended_pool(std::size_t jobs) {
    Pool pool({.make = make}, {.max_total = resources});
    const Meter meter;
    co_await eddy::with_task_group([&pool, jobs](eddy::TaskGroup& group) -> eddy::Task<> {
        for (std::size_t i = 0; i < jobs; ++i) {
            group.spawn(lend_often(pool, contended_loans / jobs, true));
        }
        co_return;
    });
    co_return meter.stop(contended_loans);
}

// --- a semaphore and a vector ------------------------------------------------------------------

struct Parts {
    Parts() {
        for (std::size_t i = 0; i < resources; ++i) {
            idle.push_back(std::make_unique<Resource>());
        }
    }
    eddy::Semaphore places{resources};
    std::vector<Owned> idle;
};

eddy::Task<> borrow_often(Parts& parts, std::size_t count, bool yields) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto permit = co_await parts.places.acquire();
        Owned resource = std::move(parts.idle.back());
        parts.idle.pop_back();
        ++resource->uses;
        if (yields) {
            co_await eddy::yield();
        }
        parts.idle.push_back(std::move(resource));
    }
}

eddy::Task<Sample> measure_parts() {
    Parts parts;
    const Meter meter;
    co_await borrow_often(parts, loans, false);
    co_return meter.stop(loans);
}

eddy::Task<Sample> measure_contended_parts(std::size_t jobs) {
    Parts parts;
    const Meter meter;
    co_await eddy::with_task_group([&parts, jobs](eddy::TaskGroup& group) -> eddy::Task<> {
        for (std::size_t i = 0; i < jobs; ++i) {
            group.spawn(borrow_often(parts, contended_loans / jobs, true));
        }
        co_return;
    });
    co_return meter.stop(contended_loans);
}

template <auto measure, auto... arguments>
Sample row() {
    return eddy::run(measure(arguments...));
}

std::vector<Row> rows() {
    return {
        {.name = "pool",
         .title = "lend and take back an idle resource",
         .unit = "ns",
         .contenders = {{"eddy", row<measure_pool>}, {"parts", row<measure_parts>}},
         .targets = {{"parts", 1.5}},
         .allocation_free = true},
        {.name = "pool_try",
         .title = "the same with try_acquire",
         .unit = "ns",
         .contenders = {{"eddy", row<measure_tried_pool>}, {"parts", row<measure_parts>}},
         .targets = {{"parts", 1.5}},
         .allocation_free = true},
        {.name = "pool_keys",
         .title = "the same of four keys in turn",
         .unit = "ns",
         .contenders = {{"eddy", row<measure_keyed_pool>}, {"parts", row<measure_parts>}},
         .targets = {},
         .allocation_free = false},
        {.name = "pool_8",
         .title = "8 jobs take turns with 4 resources, and yield while they have one",
         .unit = "ns",
         .contenders = {{"eddy", row<measure_contended_pool, resources * 2>},
                        {"parts", row<measure_contended_parts, resources * 2>}},
         .targets = {{"parts", 1.5}},
         .allocation_free = false},
    };
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) { return bench::run_main(count, arguments, bench::rows()); }
