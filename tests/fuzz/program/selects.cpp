// SPDX-License-Identifier: MIT
// One of several waits, and the same wait again.
#include <array>
#include <variant>

#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/with_scope.hpp>

#include "ops.hpp"

namespace eddy::fuzz {

namespace {

/// A sleep that has won ends at its moment, and not a nanosecond beside it.
void slept(const World& world, const Entry& entry, Duration delay) {
    FUZZ_REQUIRE(world.now() == later(entry.began(), std::max(delay, Duration::zero())));
}

Task<> items(World& world, const Node& node) {
    const Duration delay = duration_of(node.a);
    const Entry entry(world);
    auto chosen = co_await select(
        world.fifo.get(), world.semaphore.acquire(1 + node.b % 3), sleep_for(delay));
    entry.passed();
    if (chosen.index() == 0) {
        got(world.ledger, world.fifo_items, std::get<0>(chosen));
    } else if (chosen.index() == 2) {
        slept(world, entry, delay);
    }
}

Task<> grants(World& world, const Node& node) {
    World::ChannelEnds& channel = world.channels[node.a % 2];
    const Entry entry(world);
    auto chosen = co_await select(
        world.locks[1].lock.acquire(), channel.receiver.receive(), world.event.wait());
    entry.passed();
    if (chosen.index() == 0) {
        FUZZ_REQUIRE(!world.locks[1].inside);
    } else if (chosen.index() == 1) {
        got(world.ledger, channel.items, std::get<1>(chosen));
    } else {
        FUZZ_REQUIRE(world.event.is_set());
    }
}

/// Over a list: whichever channel has something, and that alone gives it.
Task<> receive_any(World& world) {
    const Entry entry(world);
    auto chosen = co_await select(
        world.channels, [](World::ChannelEnds& channel) { return channel.receiver.receive(); });
    entry.passed();
    got(world.ledger, world.channels[chosen.index].items, chosen.value);
}

Task<> put(World& world, const Node& node) {
    const Duration delay = duration_of(node.a);
    Item item = world.make_item();
    Giving giving(world.ledger, world.fifo_items, item);
    const Entry entry(world);
    const auto chosen = co_await select(
        world.fifo.put(std::move(item)), sleep_for(delay), world.counter.wait_at_least(node.b % 8));
    entry.passed();
    if (chosen.index() == 0) {
        giving.given();
    } else if (chosen.index() == 1) {
        slept(world, entry, delay);
    } else {
        FUZZ_REQUIRE(std::get<2>(chosen) >= node.b % 8);
    }
}

Task<> job(World& world, const Node& node) {
    JobRecord* const record =
        world.jobs.empty() ? nullptr : &world.jobs[node.a % world.jobs.size()];
    if (record == nullptr || !record->handle.valid() || record->joined) {
        co_return;
    }
    record->joined = true;
    const Entry entry(world);
    const auto chosen =
        co_await select(record->handle, world.notify.wait(), world.rw_lock.acquire_read());
    entry.passed();
    FUZZ_REQUIRE(chosen.index() != 0 || record->ended == 1);
}

/// An operation in a variable can be awaited again, whatever became of it.
Task<> again(World& world, const Node& node) {
    auto get = world.fifo.get();
    auto nap = sleep_for(duration_of(node.a));
    auto permit = world.semaphore.acquire(1 + node.b % 3);
    auto gate = world.gate.wait();
    const Entry entry(world);
    for (int i = 0; i < 2; ++i) {
        auto chosen = co_await select(nap, get, permit);
        if (chosen.index() == 1) {
            got(world.ledger, world.fifo_items, std::get<1>(chosen));
        }
        const bool open = co_await move_on_after(std::chrono::milliseconds(node.b % 4), gate);
        FUZZ_REQUIRE(!open || world.gate_was_set);
    }
    const auto held = co_await permit;
    FUZZ_REQUIRE(held.count() == 1 + node.b % 3);
    entry.passed();
}

}  // namespace

Task<> select_operation(World& world, const Node& node) {
    switch (node.op) {
        case Op::select_items:
            return items(world, node);
        case Op::select_grants:
            return node.b % 4 == 3 ? receive_any(world) : grants(world, node);
        case Op::select_put:
            return put(world, node);
        case Op::select_job:
            return job(world, node);
        case Op::again:
            return again(world, node);
        default:
            broken("nothing to select", __FILE__, __LINE__);
    }
}

}  // namespace eddy::fuzz
