// SPDX-License-Identifier: MIT
// What has another end: streams, posts, calls, other threads.
#include <array>
#include <cstddef>
#include <span>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/run_in_executor.hpp>

#include "ops.hpp"

namespace eddy::fuzz {

namespace {

testing::MemoryStream& end_of(World& world, std::uint8_t which) {
    return which % 2 == 0 ? world.streams.first : world.streams.second;
}

/// While a job writes, or reads: another one may not, and its bytes are not counted yet.
class Busy final {
public:
    explicit Busy(bool& busy) noexcept : busy_(busy) { busy_ = true; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    ~Busy() { busy_ = false; }

private:
    bool& busy_;
};

/// Byte n of a direction is n.
Task<> write(World& world, const Node& node) {
    testing::MemoryStream& stream = end_of(world, node.a);
    World::Direction& way = world.directions[node.a % 2];
    if (way.writing || !stream.is_open()) {
        co_return;
    }
    const Busy busy(way.writing);
    std::array<std::byte, 9> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(way.written + i);
    }
    const std::span<const std::byte> some = std::span(bytes).first(1 + node.b % 9U);
    const Entry entry(world);
    if (node.b >= 128) {
        const std::size_t count = co_await stream.write_some(some);
        FUZZ_REQUIRE(0 < count && count <= some.size());
        way.written += count;
    } else {
        co_await stream.write_all(some);
        way.written += some.size();
    }
    entry.passed();
}

Task<> read(World& world, const Node& node) {
    testing::MemoryStream& stream = end_of(world, node.a);
    World::Direction& way = world.directions[(node.a + 1) % 2];
    if (way.reading || !stream.is_open()) {
        co_return;
    }
    const Busy busy(way.reading);
    const Entry entry(world);
    if (node.b >= 192) {
        co_await stream.wait_readable();
        entry.passed();
        co_return;
    }
    std::array<std::byte, 8> bytes{};
    const std::size_t count = co_await stream.read_some(std::span(bytes).first(1 + node.b % 8U));
    entry.passed();
    for (std::size_t i = 0; i < count; ++i) {
        FUZZ_REQUIRE(bytes[i] == static_cast<std::byte>(way.read + i));
    }
    way.read += count;
}

Task<> end_stream(World& world, const Node& node) {
    testing::MemoryStream& stream = end_of(world, node.a);
    if (!stream.is_open()) {
        co_return;
    }
    switch (node.b % 8) {
        case 0:
            stream.close();
            break;
        case 1:
            stream.close_reset();
            break;
        case 2:
            co_await stream.shutdown();
            break;
        default:
            break;
    }
}

Task<> post(World& world) {
    ++world.posted;
    const auto run = [&world] { ++world.posts_run; };
    FUZZ_REQUIRE(Loop::current().handle().post(run));
    co_return;
}

Task<> call(World& world, const Node& node) {
    const TimePoint due = later(world.now(), std::max(duration_of(node.a), Duration::zero()));
    const auto run = [&world, due] { FUZZ_REQUIRE(world.now() == due); };
    world.calls.push_back(call_later(duration_of(node.a), run));
    co_return;
}

Task<> cancel_call(World& world, const Node& node) {
    if (!world.calls.empty()) {
        TimerHandle& handle = world.calls[node.a % world.calls.size()];
        const bool pending = handle.pending();
        FUZZ_REQUIRE(handle.cancel() == pending);
        FUZZ_REQUIRE(!handle.pending());
    }
    co_return;
}

int work(int number, Failures::One* failure) {
    if (failure != nullptr) {
        Failures::raise(*failure);
    }
    return 2 * number;
}

Task<> offload(World& world, const Node& node) {
    if (world.pool == nullptr) {
        co_return;
    }
    OffloadOptions options;
    options.priority = static_cast<Priority>(node.a % 3);
    const bool abandons = node.b % 2 == 1;
    options.on_cancel = abandons ? OnCancel::abandon : OnCancel::wait;
    // One that is left alone owns what it touches, and drops its failure.
    const bool fails = !abandons && node.b % 4 == 2 && !world.ledger.torn;
    Failures::One* const failure = fails ? &world.failures.make() : nullptr;
    const int doubled = co_await run_in_executor(*world.pool, options, &work, int{node.a}, failure);
    FUZZ_REQUIRE(doubled == 2 * node.a);
}

}  // namespace

Task<> outside_operation(World& world, const Node& node) {
    switch (node.op) {
        case Op::write:
            return write(world, node);
        case Op::read:
            return read(world, node);
        case Op::end_stream:
            return end_stream(world, node);
        case Op::post:
            return post(world);
        case Op::call_later:
            return call(world, node);
        case Op::cancel_call:
            return cancel_call(world, node);
        case Op::offload:
            return offload(world, node);
        default:
            broken("nothing outside", __FILE__, __LINE__);
    }
}

}  // namespace eddy::fuzz
