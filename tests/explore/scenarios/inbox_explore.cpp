// SPDX-License-Identifier: MIT
#include <array>
#include <thread>

#include <eddy/detail/inbox.hpp>

#include "explore.hpp"
#include "poll.hpp"

using eddy::detail::Inbox;
using eddy::detail::InboxNode;

namespace {

struct Item final : InboxNode {
    void deliver() override {}

    int payload = 0;  // ordinary: has to come with the node
};

/// What two senders bring, `each` of them that many, and the loop has seen of it.
struct Traffic {
    static constexpr int each = 2;

    Poll poll;
    Inbox inbox{Poll::wake, &poll};
    std::array<std::array<Item, each>, 2> items;
    std::array<int, 2> accepted{};   // the sender's, until it is joined
    std::array<int, 2> delivered{};  // the loop's
    bool closed = false;             // the loop's; seen by who is refused

    void send(int sender, int count) {
        for (int i = 0; i < count; ++i) {
            Item& item = items.at(static_cast<unsigned>(sender)).at(static_cast<unsigned>(i));
            item.payload = i + 1;
            if (inbox.push(item)) {
                ++accepted.at(static_cast<unsigned>(sender));
            } else {
                explore::check(closed, "refused means that the loop has begun to close");
                explore::check(item.payload == i + 1, "what is refused is the sender's still");
                return;
            }
        }
    }

    [[nodiscard]] int take() {
        int taken = 0;
        for (InboxNode* node = inbox.take_all(); node != nullptr; node = Inbox::next_of(*node)) {
            const auto& item = static_cast<Item&>(*node);
            const unsigned sender = &item >= items[1].data() ? 1 : 0;
            explore::check(item.payload == ++delivered.at(sender), "in order, each once");
            ++taken;
        }
        return taken;
    }

    void settle(std::thread& a, std::thread& b) {
        a.join();
        b.join();
        explore::check(accepted == delivered, "accepted means delivered");
    }
};

}  // namespace

EXPLORE("inbox: a sleeping loop is woken for everything") {
    Traffic traffic;
    std::thread a([&] { traffic.send(0, 2); });
    std::thread b([&] { traffic.send(1, 1); });
    for (int taken = 0; taken < 3;) {
        traffic.poll.wait();  // a lost wake-up is a deadlock
        for (int more = traffic.take(); more != 0; more = traffic.take()) {
            taken += more;  // what comes meanwhile is taken before its wake-up is answered
        }
    }
    traffic.closed = true;
    traffic.inbox.close();
    traffic.poll.close();
    traffic.settle(a, b);
}

EXPLORE("inbox: closing accepts or refuses, and nobody wakes after it") {
    Traffic traffic;
    std::thread a([&] { traffic.send(0, 2); });
    std::thread b([&] { traffic.send(1, 1); });
    static_cast<void>(traffic.take());
    traffic.closed = true;
    traffic.inbox.close();
    traffic.poll.close();
    static_cast<void>(traffic.take());
    explore::check(traffic.inbox.empty(), "taken means empty");
    Item late;
    explore::check(!traffic.inbox.push(late), "closed is closed");
    traffic.settle(a, b);
}
