// SPDX-License-Identifier: MIT
#include <eddy/detail/shared_node.hpp>

#include <memory>
#include <utility>

#include <doctest/doctest.h>

namespace {

using eddy::detail::Inbox;
using eddy::detail::InboxNode;
using eddy::detail::SharedNode;

class Node final : public SharedNode {
public:
    explicit Node(Inbox& inbox, int& arrivals, int again = 0) noexcept
        : inbox_(inbox), arrivals_(arrivals), again_(again) {}

    bool send_itself(std::shared_ptr<Node> self) noexcept { return send(inbox_, std::move(self)); }

    std::weak_ptr<Node> itself;

private:
    void node_arrived() override {
        ++arrivals_;
        if (again_-- > 0) {
            CHECK(send_itself(itself.lock()));
        }
    }

    Inbox& inbox_;
    int& arrivals_;
    int again_;
};

void deliver(Inbox& inbox) {
    for (InboxNode* node = inbox.take_all(); node != nullptr;) {
        InboxNode* const next = Inbox::next_of(*node);
        node->deliver();
        node = next;
    }
}

void nobody(void*) noexcept {}

}  // namespace

TEST_CASE("a shared node lives until it has arrived, and no longer") {
    Inbox inbox(nobody, nullptr);
    int arrivals = 0;
    auto node = std::make_shared<Node>(inbox, arrivals);
    const std::weak_ptr<Node> alive = node;
    Node& it = *node;
    CHECK(it.send_itself(std::move(node)));
    CHECK_FALSE(alive.expired());
    deliver(inbox);
    CHECK(arrivals == 1);
    CHECK(alive.expired());
    inbox.close();
}

TEST_CASE("a shared node can be sent again as soon as it arrives") {
    Inbox inbox(nobody, nullptr);
    int arrivals = 0;
    auto node = std::make_shared<Node>(inbox, arrivals, 2);
    const std::weak_ptr<Node> alive = node;
    node->itself = node;
    Node& it = *node;
    CHECK(it.send_itself(std::move(node)));
    for (int i = 1; i <= 3; ++i) {
        CHECK_FALSE(alive.expired());
        deliver(inbox);
        CHECK(arrivals == i);
    }
    CHECK(alive.expired());
    inbox.close();
}

TEST_CASE("a shared node that is refused is let go of") {
    Inbox inbox(nobody, nullptr);
    inbox.close();
    int arrivals = 0;
    auto node = std::make_shared<Node>(inbox, arrivals);
    const std::weak_ptr<Node> alive = node;
    Node& it = *node;
    CHECK_FALSE(it.send_itself(std::move(node)));
    CHECK(alive.expired());
    CHECK(arrivals == 0);
}
