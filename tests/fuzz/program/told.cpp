// SPDX-License-Identifier: MIT
// What jobs are told: results, facts, numbers.
#include <exception>
#include <stdexcept>

#include <eddy/error.hpp>

#include "ops.hpp"

namespace eddy::fuzz {

namespace {

void set_promise(World& world, const Node& node) {
    if (!world.promise) {
        return;
    }
    const bool was_done = world.promise->done();
    switch (node.b % 4) {
        case 0:
            world.promise.reset();
            break;
        case 1:
            FUZZ_REQUIRE(world.promise->try_set_exception(std::make_exception_ptr(Untagged())) !=
                         was_done);
            break;
        default:
            FUZZ_REQUIRE(world.promise->try_set_value(42) != was_done);
            break;
    }
}

Task<> get_future(World& world) {
    if (!world.future.valid()) {
        co_return;  // it is over
    }
    const Future<int> own = world.future;
    const Entry entry(world);
    try {
        const int value = co_await own;
        FUZZ_REQUIRE(value == 42);
    } catch (const Untagged&) {
        FUZZ_REQUIRE(own.done());
    }
    entry.passed();
    FUZZ_REQUIRE(own.done());
}

Task<> wait_event(World& world) {
    const Entry entry(world);
    co_await world.event.wait();
    entry.passed();
    FUZZ_REQUIRE(world.event.is_set());
}

Task<> wait_gate(World& world) {
    const Entry entry(world);
    co_await world.gate.wait();
    entry.passed();
    FUZZ_REQUIRE(world.gate_was_set);
}

Task<> wait_notified(World& world) {
    const Entry entry(world);
    co_await world.notify.wait();
    entry.passed();
}

void count(World& world, const Node& node) {
    const std::int64_t by = node.a % 8 - 3;
    const bool fits = world.counted + by >= 0 && world.counted + by <= 20;
    try {
        const std::int64_t now = world.counter.add(by);
        world.counted += by;
        FUZZ_REQUIRE(fits && now == world.counted);
    } catch (const std::out_of_range&) {
        FUZZ_REQUIRE(!fits);
        throw;
    }
}

Task<> wait_count(World& world, const Node& node) {
    const std::int64_t threshold = node.a % 8;
    const Entry entry(world);
    switch (node.b % 5) {
        case 0: {
            const std::int64_t value = co_await world.counter.wait_at_least(threshold);
            FUZZ_REQUIRE(value >= threshold);
            break;
        }
        case 1: {
            const std::int64_t value = co_await world.counter.wait_at_most(threshold);
            FUZZ_REQUIRE(value <= threshold);
            break;
        }
        case 2: {
            const std::int64_t value = co_await world.counter.wait_change();
            FUZZ_REQUIRE(0 <= value && value <= 20);
            break;
        }
        case 3: {
            const auto even = [](std::int64_t v, std::int64_t least) {
                return v % 2 == 0 && v >= least;
            };
            const std::int64_t value = co_await world.counter.wait_for(even, threshold);
            FUZZ_REQUIRE(value % 2 == 0 && value >= threshold);
            break;
        }
        default: {
            const std::int64_t value = co_await world.counter.wait_until_zero();
            FUZZ_REQUIRE(value == 0);
            break;
        }
    }
    entry.passed();
}

Task<> at_once(World& world, const Node& node) {
    switch (node.op) {
        case Op::promise_set:
            set_promise(world, node);
            break;
        case Op::event_set:
            world.event.set();
            break;
        case Op::gate_change:
            if (node.a % 2 == 0) {
                world.gate.set();
                world.gate_was_set = true;
            } else {
                world.gate.clear();
            }
            break;
        case Op::notify:
            if (node.a % 2 == 0) {
                world.notify.notify_one();
            } else {
                world.notify.notify_all();
                FUZZ_REQUIRE(world.notify.statistics().waiters == 0);
            }
            break;
        case Op::count:
            count(world, node);
            break;
        default:
            broken("nothing is told", __FILE__, __LINE__);
    }
    co_return;
}

}  // namespace

Task<> told_operation(World& world, const Node& node) {
    switch (node.op) {
        case Op::future_get:
            return get_future(world);
        case Op::event_wait:
            return wait_event(world);
        case Op::gate_wait:
            return wait_gate(world);
        case Op::notified:
            return wait_notified(world);
        case Op::count_wait:
            return wait_count(world, node);
        default:
            return at_once(world, node);
    }
}

}  // namespace eddy::fuzz
