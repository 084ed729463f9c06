// SPDX-License-Identifier: MIT
// Items on their way from job to job.
#include <optional>

#include <eddy/error.hpp>

#include "ops.hpp"

namespace eddy::fuzz {

namespace {

template <class Q>
Task<> put(World& world, Q& queue, Tally& tally) {
    Item item = world.make_item();
    Giving giving(world.ledger, tally, item);
    const Entry entry(world);
    co_await queue.put(std::move(item));
    entry.passed();
    giving.given();
}

template <class Q>
Task<> get(World& world, Q& queue, Tally& tally, bool next) {
    const Entry entry(world);
    if (next) {
        const std::optional<Item> item = co_await queue.next();
        entry.passed();
        if (item) {
            got(world.ledger, tally, *item);
        } else {
            FUZZ_REQUIRE(queue.is_shut_down());
        }
        co_return;
    }
    const Item item = co_await queue.get();
    entry.passed();
    if (planted("dropped_item") && current_effective_deadline() == TimePoint::min()) {
        co_return;  // as if it had been cancelled before it was given the item
    }
    got(world.ledger, tally, item);
}

template <class Q>
void try_queue(World& world, Q& queue, Tally& tally, bool puts) {
    if (!puts) {
        const std::optional<Item> item = queue.try_get();
        if (item) {
            got(world.ledger, tally, *item);
        }
        return;
    }
    Item item = world.make_item();
    Giving giving(world.ledger, tally, item);
    if (queue.try_put(std::move(item))) {
        giving.given();
    }
}

template <class Q>
void shut(Q& queue, Tally& tally, std::uint8_t how) {
    if (how % 8 == 0) {
        queue.shutdown(Shutdown::drain);
    } else if (how % 8 == 1) {
        tally.dropped += queue.size();
        queue.shutdown(Shutdown::immediate);
        FUZZ_REQUIRE(queue.empty());
    }
}

template <class Q>
Task<> queue_operation(World& world, const Node& node, Q& queue, Tally& tally) {
    switch (node.op) {
        case Op::put:
            return put(world, queue, tally);
        case Op::get:
            return get(world, queue, tally, node.b % 2 == 1);
        default:
            break;
    }
    const auto at_once = [](World& w, const Node& n, Q& q, Tally& t) -> Task<> {
        if (n.op == Op::try_queue) {
            try_queue(w, q, t, n.b % 2 == 1);
        } else {
            shut(q, t, n.b);
        }
        co_return;
    };
    return at_once(world, node, queue, tally);
}

Task<> send(World& world, const Node& node, World::ChannelEnds& channel) {
    Item item = world.make_item();
    Giving giving(world.ledger, channel.items, item);
    if (node.b % 4 == 3) {
        if (channel.sender.try_send(std::move(item))) {
            giving.given();
        }
        co_return;
    }
    const Sender<Item> own = channel.sender;
    const Entry entry(world);
    if (node.b % 2 == 0) {
        co_await own.send(std::move(item));
    } else {
        co_await channel.sender.send(std::move(item));
    }
    entry.passed();
    giving.given();
}

Task<> receive(World& world, const Node& node, World::ChannelEnds& channel) {
    if (node.b % 4 == 3) {
        const std::optional<Item> item = channel.receiver.try_receive();
        if (item) {
            got(world.ledger, channel.items, *item);
        }
        co_return;
    }
    const Entry entry(world);
    if (node.b % 2 == 0) {
        const Item item = co_await channel.receiver.receive();
        entry.passed();
        got(world.ledger, channel.items, item);
        co_return;
    }
    const Receiver<Item> own = channel.receiver;
    const std::optional<Item> item = co_await own.next();
    entry.passed();
    if (item) {
        got(world.ledger, channel.items, *item);
    }
}

Task<> reserve(World& world, const Node& node, World::ChannelEnds& channel) {
    const Entry entry(world);
    auto slot = co_await channel.sender.reserve();
    entry.passed();
    if (node.b % 4 == 0) {
        co_return;
    }
    Item item = world.make_item();
    Giving giving(world.ledger, channel.items, item);
    slot.send(std::move(item));
    giving.given();
}

Task<> close(World&, const Node& node, World::ChannelEnds& channel) {
    if (node.b % 8 == 0) {
        channel.sender.close();
    } else if (node.b % 8 == 1) {
        channel.may_drop = true;
        channel.receiver.close();
    }
    co_return;
}

Task<> say(World& world, const Node& node) {
    const int value = world.broadcast_sent;
    if (world.broadcast.try_send(value)) {
        ++world.broadcast_sent;
    }
    static_cast<void>(node);
    co_return;
}

/// Every item in order, and those that are missing are told of.
Task<> hear(World& world, const Node& node) {
    auto receiver = world.broadcast.subscribe();
    int expected = world.broadcast_sent;
    for (int i = node.b % 4; i >= 0; --i) {
        const Entry entry(world);
        const auto item = co_await receiver.receive();
        entry.passed();
        FUZZ_REQUIRE(item.value == expected + static_cast<int>(item.missed));
        expected = item.value + 1;
        FUZZ_REQUIRE(expected <= world.broadcast_sent);
    }
}

Task<> change(World& world) {
    world.watch.set(world.watch.value() + 1);
    co_return;
}

Task<> follow(World& world, const Node& node) {
    auto receiver = world.watch.subscribe();
    int seen = world.watch.value();
    for (int i = node.b % 4; i >= 0; --i) {
        const Entry entry(world);
        if (i % 2 == 0) {
            co_await receiver.changed();
            entry.passed();
            FUZZ_REQUIRE(receiver.value() > seen);
            seen = receiver.value();
        } else {
            const std::optional<int> newest = co_await receiver.next();
            entry.passed();
            FUZZ_REQUIRE(newest && *newest > seen && *newest == world.watch.value());
            seen = *newest;
        }
    }
}

Task<> send_once(World& world, const Node& node) {
    auto& sender = world.oneshots[node.a % 2].first;
    if (!sender) {
        co_return;
    }
    OneshotSender<Item> own = std::move(*sender);
    sender.reset();
    if (node.b % 8 == 0) {
        co_return;  // broken
    }
    Item item = world.make_item();
    const std::size_t id = item.id();
    const bool wanted = own.is_wanted();
    const std::optional<Item> back = own.send(std::move(item));
    FUZZ_REQUIRE(back.has_value() != wanted);
    if (back) {
        FUZZ_REQUIRE(back->id() == id);
    } else {
        world.ledger.put(id);
        ++world.oneshot_items.put;
    }
}

Task<> receive_once(World& world, const Node& node) {
    auto& receiver = world.oneshots[node.a % 2].second;
    if (!receiver) {
        co_return;
    }
    if (node.b % 8 == 0) {
        receiver.reset();
        co_return;
    }
    const OneshotReceiver<Item> own = std::move(*receiver);
    receiver.reset();
    const Entry entry(world);
    const Item item = co_await own.receive();
    entry.passed();
    got(world.ledger, world.oneshot_items, item);
}

}  // namespace

Task<> item_operation(World& world, const Node& node) {
    World::ChannelEnds& channel = world.channels[node.a % 2];
    switch (node.op) {
        case Op::put:
        case Op::get:
        case Op::try_queue:
        case Op::shut_queue:
            switch (node.a % 3) {
                case 0:
                    return queue_operation(world, node, world.fifo, world.fifo_items);
                case 1:
                    return queue_operation(world, node, world.lifo, world.lifo_items);
                default:
                    return queue_operation(world, node, world.priority, world.priority_items);
            }
        case Op::send:
            return send(world, node, channel);
        case Op::receive:
            return receive(world, node, channel);
        case Op::reserve:
            return reserve(world, node, channel);
        case Op::close_channel:
            return close(world, node, channel);
        case Op::broadcast:
            return say(world, node);
        case Op::subscribe:
            return hear(world, node);
        case Op::watch_set:
            return change(world);
        case Op::watch_next:
            return follow(world, node);
        case Op::oneshot_send:
            return send_once(world, node);
        case Op::oneshot_receive:
            return receive_once(world, node);
        default:
            broken("no such item", __FILE__, __LINE__);
    }
}

}  // namespace eddy::fuzz
