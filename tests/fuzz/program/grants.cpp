// SPDX-License-Identifier: MIT
// What is given to one job or a few, and given back.
#include <exception>

#include <eddy/error.hpp>

#include "ops.hpp"

namespace eddy::fuzz {

namespace {

/// What only one job at a time does.
class Alone final {
public:
    explicit Alone(bool& inside) noexcept : inside_(inside) {
        FUZZ_REQUIRE(!inside_);
        inside_ = true;
    }
    Alone(const Alone&) = delete;
    Alone& operator=(const Alone&) = delete;
    ~Alone() { inside_ = false; }

private:
    bool& inside_;
};

/// What several do, so many at a time.
template <class N>
class Among final {
public:
    Among(N& all, N count) noexcept : all_(all), count_(count) { all_ += count_; }
    Among(const Among&) = delete;
    Among& operator=(const Among&) = delete;
    ~Among() { all_ -= count_; }

private:
    N& all_;
    N count_;
};

Task<> lock(World& world, const Node& node) {
    auto& one = world.locks[node.a % 2];
    const Entry entry(world);
    auto guard = co_await one.lock.acquire();
    entry.passed();
    {
        const Alone alone(one.inside);
        FUZZ_REQUIRE(guard.holds(one.lock));
        co_await run_block(world, node.body);
    }
    if (node.b % 4 == 0) {
        guard.release();
    }
}

Task<> try_lock(World& world, const Node& node) {
    auto& one = world.locks[node.a % 2];
    const bool was_free = !one.lock.locked();
    const auto guard = one.lock.try_acquire();
    FUZZ_REQUIRE(guard.has_value() == was_free);
    if (guard) {
        const Alone alone(one.inside);
        co_await run_block(world, node.body);
    }
}

Task<> read(World& world, const Node& node) {
    const Entry entry(world);
    const auto guard = co_await world.rw_lock.acquire_read();
    entry.passed();
    FUZZ_REQUIRE(!world.writing);
    const Among reading(world.readers, 1);
    co_await run_block(world, node.body);
}

Task<> write(World& world, const Node& node) {
    const Entry entry(world);
    auto guard = co_await world.rw_lock.acquire_write();
    entry.passed();
    {
        const Alone alone(world.writing);
        FUZZ_REQUIRE(world.readers == 0);
        co_await run_block(world, node.body);
    }
    if (node.b % 2 == 0) {
        const auto reader = std::move(guard).downgrade();
        const Among reading(world.readers, 1);
        co_await run_block(world, node.body);
    }
}

Task<> permit(World& world, const Node& node) {
    const std::int64_t count = node.a % (World::permits + 1);
    const Entry entry(world);
    auto held = co_await world.semaphore.acquire(count);
    entry.passed();
    if (planted("lost_permit") && held && current_effective_deadline() == TimePoint::min()) {
        held.forget();
    }
    const Among out(world.permits_out, held.count());
    FUZZ_REQUIRE(world.permits_out <= World::permits);
    if (held.count() > 1 && node.b % 4 == 1) {
        auto half = held.split(1);
        co_await run_block(world, node.body);
        held.merge(std::move(half));
    } else {
        co_await run_block(world, node.body);
    }
    if (node.b % 4 == 2 && held) {
        const std::int64_t forgotten = held.count();
        held.forget();
        world.semaphore.release(forgotten);
        FUZZ_REQUIRE(!held);
    }
}

Task<> token(World& world, const Node& node) {
    const Entry entry(world);
    const auto held = co_await world.limiter.acquire();
    entry.passed();
    const Among out(world.tokens_out, std::int64_t{1});
    co_await run_block(world, node.body);
}

Task<> wait_with_lock(World& world, const Node& node) {
    auto& one = world.locks[0];
    auto guard = co_await one.lock.acquire();
    {
        const Alone alone(one.inside);
        FUZZ_REQUIRE(guard.holds(one.lock));
    }
    const Entry entry(world);
    std::exception_ptr error;
    try {
        co_await world.condition.wait(guard);
    } catch (...) {
        error = std::current_exception();
    }
    FUZZ_REQUIRE(guard.holds(one.lock));  // whatever happened
    const Alone alone(one.inside);
    if (error) {
        std::rethrow_exception(error);
    }
    co_await run_block(world, node.body);
}

Task<> notify(World& world, const Node& node) {
    if (node.b % 4 == 3) {  // without the lock
        world.condition.notify_one();
        co_return;
    }
    const auto guard = co_await world.locks[0].lock.acquire();
    const Alone alone(world.locks[0].inside);
    if (node.b % 4 == 0) {
        world.condition.notify_all();
    } else {
        world.condition.notify(node.b % 4);
    }
}

Task<> meet(World& world, const Node& node) {
    if (node.a % 16 == 0) {
        world.barrier.reset();
        co_return;
    }
    if (node.a % 16 == 1) {
        world.barrier.abort();
        co_return;
    }
    const Entry entry(world);
    const std::size_t place = co_await world.barrier.wait();
    entry.passed();
    FUZZ_REQUIRE(place < world.barrier.parties());
    ++world.barrier_places[place];
}

Task<> latch(World& world, const Node& node) {
    if (node.a % 2 == 0) {
        world.latch.count_down(node.b % 3);
        co_return;
    }
    const Entry entry(world);
    co_await world.latch.wait();
    entry.passed();
    FUZZ_REQUIRE(world.latch.count() == 0);
}

Task<> rated(World& world, const Node& node) {
    const std::int64_t count = node.a % 4;
    const Entry entry(world);
    co_await world.rate.acquire(count);
    entry.passed();
    world.rated.emplace_back(world.now(), count);
}

Task<> set_total(World& world, const Node& node) {
    world.limiter.set_total(node.a % 4);
    co_return;
}

}  // namespace

Task<> grant_operation(World& world, const Node& node) {
    switch (node.op) {
        case Op::lock:
            return node.b % 8 == 7 ? try_lock(world, node) : lock(world, node);
        case Op::read_lock:
            return read(world, node);
        case Op::write_lock:
            return write(world, node);
        case Op::semaphore:
            return permit(world, node);
        case Op::limiter:
            return token(world, node);
        case Op::condition_wait:
            return wait_with_lock(world, node);
        case Op::limiter_total:
            return set_total(world, node);
        case Op::condition_notify:
            return notify(world, node);
        case Op::barrier:
            return meet(world, node);
        case Op::latch:
            return latch(world, node);
        case Op::rate:
            return rated(world, node);
        default:
            broken("no such grant", __FILE__, __LINE__);
    }
}

}  // namespace eddy::fuzz
