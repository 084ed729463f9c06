// SPDX-License-Identifier: MIT
#include <array>
#include <cstddef>
#include <thread>

#include <eddy/detail/inbox.hpp>

#include "explore.hpp"
#include "poll.hpp"

using eddy::detail::Inbox;
using eddy::detail::InboxNode;

namespace {

struct Item final : InboxNode {
    void deliver() override {}

    std::size_t sender = 0;  // ordinary, both: have to come with the node
    int payload = 0;
};

/// What the senders bring, the first of them two items and the others one, and what the loop has
/// seen of it.
class Traffic {
public:
    Poll poll;
    Inbox inbox{Poll::wake, &poll};
    bool closed = false;  // the loop's; seen by who is refused

    Traffic() : senders_(explore::threads(3) - 1) {
        for (std::size_t i = 0; i < senders_; ++i) {
            threads_.at(i) = std::thread([this, i] { send(i); });
        }
    }
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

    [[nodiscard]] std::size_t items() const { return senders_ + 1; }

    [[nodiscard]] std::size_t take() {
        std::size_t taken = 0;
        for (InboxNode* node = inbox.take_all(); node != nullptr; node = Inbox::next_of(*node)) {
            const auto& item = static_cast<Item&>(*node);
            explore::check(item.payload == ++delivered_.at(item.sender), "in order, each once");
            ++taken;
        }
        return taken;
    }
    void close() {
        closed = true;
        inbox.close();
        poll.close();
    }
    void settle() {
        for (std::size_t i = 0; i < senders_; ++i) {
            threads_.at(i).join();
        }
        explore::check(accepted_ == delivered_, "accepted means delivered");
    }

private:
    static constexpr std::size_t most = 4;

    void send(std::size_t sender) {
        for (int i = 0; i < (sender == 0 ? 2 : 1); ++i) {
            Item& item = items_.at(sender).at(static_cast<std::size_t>(i));
            item.sender = sender;
            item.payload = i + 1;
            if (!inbox.push(item)) {
                explore::check(closed, "refused means that the loop has begun to close");
                explore::check(item.payload == i + 1, "what is refused is the sender's still");
                return;
            }
            ++accepted_.at(sender);
        }
    }

    const std::size_t senders_;
    std::array<std::array<Item, 2>, most> items_;
    std::array<int, most> accepted_{};   // the sender's, until it is joined
    std::array<int, most> delivered_{};  // the loop's
    std::array<std::thread, most> threads_;
};

}  // namespace

EXPLORE("inbox: a sleeping loop is woken for everything") {
    Traffic traffic;
    for (std::size_t taken = 0; taken < traffic.items();) {
        traffic.poll.wait();  // a lost wake-up is a deadlock
        for (std::size_t more = traffic.take(); more != 0; more = traffic.take()) {
            taken += more;  // what comes meanwhile is taken before its wake-up is answered
        }
    }
    traffic.close();
    traffic.settle();
}

EXPLORE("inbox: closing accepts or refuses, and nobody wakes after it") {
    Traffic traffic;
    static_cast<void>(traffic.take());
    traffic.close();
    static_cast<void>(traffic.take());
    explore::check(traffic.inbox.empty(), "taken means empty");
    Item late;
    explore::check(!traffic.inbox.push(late), "closed is closed");
    traffic.settle();
}
