// SPDX-License-Identifier: MIT
#include <eddy/detail/inbox.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace {

using eddy::detail::Inbox;
using eddy::detail::InboxNode;

class Node final : public InboxNode {
public:
    explicit Node(std::size_t sender = 0, std::size_t number = 0)
        : sender_id(sender), sequence(number) {}
    void deliver() override { delivered = true; }

    std::size_t sender_id;
    std::size_t sequence;
    bool delivered = false;
};

/// Counts the wake-ups it gets from any thread.
struct Bell {
    std::atomic<int> rings{0};
    static void ring(void* bell) noexcept { ++static_cast<Bell*>(bell)->rings; }
};

std::vector<Node*> take(Inbox& inbox) {
    std::vector<Node*> nodes;
    for (InboxNode* node = inbox.take_all(); node != nullptr;) {
        InboxNode* next = Inbox::next_of(*node);
        nodes.push_back(static_cast<Node*>(node));
        node = next;
    }
    return nodes;
}

}  // namespace

TEST_CASE("an inbox hands out what it was given, oldest first, once") {
    Bell bell;
    Inbox inbox(&Bell::ring, &bell);
    CHECK(inbox.empty());
    CHECK(take(inbox).empty());
    Node first;
    Node second;
    Node third;
    for (Node* node : {&first, &second, &third}) {
        CHECK(inbox.push(*node));
    }
    CHECK_FALSE(inbox.empty());
    CHECK(take(inbox) == std::vector<Node*>{&first, &second, &third});
    CHECK(inbox.empty());
    CHECK(take(inbox).empty());
}

TEST_CASE("only the push into an empty inbox rings") {
    Bell bell;
    Inbox inbox(&Bell::ring, &bell);
    Node nodes[4];
    CHECK(inbox.push(nodes[0]));
    CHECK(bell.rings == 1);
    CHECK(inbox.push(nodes[1]));
    CHECK(inbox.push(nodes[2]));
    CHECK(bell.rings == 1);
    CHECK(take(inbox).size() == 3);
    CHECK(inbox.push(nodes[3]));
    CHECK(bell.rings == 2);
    CHECK(take(inbox).size() == 1);
}

TEST_CASE("a closed inbox refuses, does not ring, and keeps what it had accepted") {
    Bell bell;
    Inbox inbox(&Bell::ring, &bell);
    Node accepted;
    Node refused;
    CHECK(inbox.push(accepted));
    CHECK_FALSE(inbox.closed());
    inbox.close();
    CHECK(inbox.closed());
    CHECK_FALSE(inbox.push(refused));
    CHECK(bell.rings == 1);
    CHECK(take(inbox) == std::vector<Node*>{&accepted});
    inbox.close();
    CHECK(inbox.closed());
}

TEST_CASE("many senders: nothing is lost, doubled or reordered, and none stays without a ring") {
    constexpr std::size_t senders = 3;
    constexpr std::size_t count = 20'000;
    Bell bell;
    Inbox inbox(&Bell::ring, &bell);
    std::vector<std::unique_ptr<Node>> nodes;
    for (std::size_t i = 0; i < senders * count; ++i) {
        nodes.push_back(std::make_unique<Node>(i / count, i % count));
    }
    std::vector<std::thread> threads;
    for (std::size_t sender = 0; sender < senders; ++sender) {
        threads.emplace_back([&, sender] {
            for (std::size_t i = 0; i < count; ++i) {
                CHECK(inbox.push(*nodes[sender * count + i]));
            }
        });
    }
    std::vector<std::size_t> next(senders, 0);
    std::size_t received = 0;
    std::size_t out_of_order = 0;
    int rings_heard = 0;
    while (received < senders * count) {
        if (bell.rings.load() == rings_heard) {
            std::this_thread::yield();
            continue;  // a node without a ring would keep us here for ever
        }
        ++rings_heard;
        for (const Node* node : take(inbox)) {
            out_of_order += next[node->sender_id] == node->sequence ? 0U : 1U;
            next[node->sender_id] = node->sequence + 1;
            ++received;
        }
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(out_of_order == 0);
    CHECK(inbox.empty());
}

TEST_CASE("closing waits for senders inside: what was accepted is there when it returns") {
    for (int round = 0; round < 2'000; ++round) {
        Bell bell;
        Inbox inbox(&Bell::ring, &bell);
        Node nodes[2][64];
        std::size_t accepted[2] = {0, 0};
        std::atomic<int> started{0};
        const auto push_all = [&](int sender) {
            ++started;
            while (accepted[sender] < 64 && inbox.push(nodes[sender][accepted[sender]])) {
                ++accepted[sender];
            }
        };
        std::thread first(push_all, 0);
        std::thread second(push_all, 1);
        while (started.load() == 0) {
            std::this_thread::yield();
        }
        inbox.close();
        const std::size_t found = take(inbox).size();
        first.join();
        second.join();
        REQUIRE(found == accepted[0] + accepted[1]);
        REQUIRE(inbox.empty());
    }
}
