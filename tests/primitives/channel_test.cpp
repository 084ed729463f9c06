// SPDX-License-Identifier: MIT
#include <eddy/channel.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "broken_contract.hpp"
#include "exchange_kit.hpp"

namespace {

using eddy::open_channel;
using eddy::Receiver;
using eddy::Sender;
using eddy::Task;
using eddy::testing::destroy_frames;
using eddy::testing::refused_elsewhere;
using eddy::testing::settle;
using eddy::testing::thrown_by;
using eddy::testing::Tracked;

using Log = std::vector<std::string>;

/// What became of it: "sent 1", "closed 1", "broken 1".
Task<> sends(const Sender<int>& sender, int number, Log& log) {
    std::string how = "sent ";
    try {
        co_await sender.send(int(number));
    } catch (const eddy::ClosedResource&) {
        how = "closed ";
    } catch (const eddy::BrokenResource&) {
        how = "broken ";
    }
    log.push_back(how + std::to_string(number));
}

Task<> receives(const Receiver<int>& receiver, Log& log) {
    std::string how;
    try {
        how = "got " + std::to_string(co_await receiver.receive());
    } catch (const eddy::ClosedResource&) {
        how = "closed";
    } catch (const eddy::EndOfStream&) {
        how = "end";
    }
    log.push_back(how);
}

Task<> drains(Receiver<int> receiver, Log& log) {
    while (auto item = co_await receiver.next()) {
        log.push_back("got " + std::to_string(*item));
    }
    log.push_back("end");
}

}  // namespace

EDDY_TEST_CASE("a channel buffers up to its capacity, then a send waits for room") {
    auto [sender, receiver] = open_channel<int>(2);
    co_await sender.send(1);
    const int two = 2;
    co_await sender.send(two);
    Log log;
    eddy::spawn(sends(sender, 3, log)).detach();
    co_await settle();
    CHECK(log.empty());
    CHECK(sender.statistics().waiting_to_send == 1);
    CHECK(receiver.try_receive() == 1);
    CHECK(sender.statistics().buffered == 2);
    CHECK_FALSE(sender.try_send(9));  // the room has gone to the one that waited
    co_await settle();
    CHECK(log == Log{"sent 3"});
    CHECK(receiver.try_receive() == 2);
    CHECK(receiver.try_receive() == 3);
    CHECK_FALSE(receiver.try_receive());
}

EDDY_TEST_CASE("with a capacity of 0 items go from hand to hand") {
    auto [sender, receiver] = open_channel<int>(0);
    Log log;
    CHECK_FALSE(sender.try_send(1));
    CHECK_FALSE(receiver.try_receive());
    eddy::spawn(sends(sender, 1, log)).detach();
    co_await settle();
    CHECK(sender.statistics().waiting_to_send == 1);
    CHECK(sender.statistics().buffered == 0);
    CHECK(log.empty());
    CHECK(receiver.try_receive() == 1);
    CHECK(sender.statistics().waiting_to_send == 0);
    co_await settle();
    CHECK(log == Log{"sent 1"});
    eddy::spawn(receives(receiver, log)).detach();
    co_await settle();
    CHECK(receiver.statistics().waiting_to_receive == 1);
    CHECK(sender.try_send(2));
    CHECK_FALSE(sender.try_send(3));
    co_await settle();
    CHECK(log == Log{"sent 1", "got 2"});
}

EDDY_TEST_CASE("a stream ends when its last sender is gone, and what was sent comes first") {
    auto [sender, receiver] = open_channel<int>(8);
    Log log;
    auto reader = eddy::spawn(drains(receiver, log));
    co_await sender.send(1);
    {
        const Sender<int> copy = sender;
        CHECK(sender.statistics().senders == 2);
        sender.close();
        sender.close();
        CHECK(sender.is_closed());
        co_await copy.send(2);
        co_await settle();
        CHECK(log == Log{"got 1", "got 2"});
        co_await copy.send(3);
    }
    co_await reader;
    CHECK(log == Log{"got 1", "got 2", "got 3", "end"});
    CHECK(receiver.statistics().senders == 0);
    co_await receives(receiver, log);
    CHECK(log.back() == "end");
    CHECK_FALSE(receiver.try_receive());
}

EDDY_TEST_CASE("without a receiver a send is broken, also one that waits, and keeps its item") {
    auto [sender, receiver] = open_channel<std::unique_ptr<int>>(1);
    co_await sender.send(std::make_unique<int>(1));
    auto item = std::make_unique<int>(2);
    bool broken = false;
    eddy::spawn(
        [](const Sender<std::unique_ptr<int>>& s, std::unique_ptr<int>& i, bool& out) -> Task<> {
            try {
                co_await s.send(std::move(i));
            } catch (const eddy::BrokenResource&) {
                out = true;
            }
        },
        std::cref(sender),
        std::ref(item),
        std::ref(broken))
        .detach();
    co_await settle();
    Receiver<std::unique_ptr<int>> copy = receiver;
    receiver.close();
    co_await settle();
    CHECK_FALSE(broken);
    {
        Receiver<std::unique_ptr<int>> last = copy;
        const Receiver<std::unique_ptr<int>> moved = std::move(last);
        copy.close();
        CHECK(sender.statistics().receivers == 1);
        co_await settle();
        CHECK_FALSE(broken);
    }
    co_await settle();
    CHECK(broken);
    CHECK(item != nullptr);
    CHECK(sender.statistics().buffered == 0);  // nobody could take it
    CHECK(thrown_by([&] { static_cast<void>(sender.try_send(std::move(item))); }) == "broken");
    CHECK(item != nullptr);
}

EDDY_TEST_CASE("closing a handle wakes those who wait through it, and nobody else") {
    auto [sender, receiver] = open_channel<int>(0);
    Sender<int> other = sender;
    Log log;
    eddy::spawn(sends(sender, 1, log)).detach();
    co_await settle();
    eddy::spawn(sends(other, 2, log)).detach();
    co_await settle();
    eddy::spawn(sends(sender, 3, log)).detach();
    co_await settle();
    sender.close();
    CHECK(receiver.statistics().waiting_to_send == 1);
    co_await settle();
    CHECK(log.size() == 2);
    CHECK(log[0].find("closed") == 0);
    CHECK(log[1].find("closed") == 0);
    CHECK(receiver.try_receive() == 2);
    co_await settle();
    CHECK(log.back() == "sent 2");

    log.clear();
    Receiver<int> second = receiver;
    eddy::spawn(receives(receiver, log)).detach();
    co_await settle();
    eddy::spawn(receives(second, log)).detach();
    co_await settle();
    receiver.close();
    co_await settle();
    CHECK(log == Log{"closed"});
    CHECK(other.try_send(4));
    co_await settle();
    CHECK(log == Log{"closed", "got 4"});
}

EDDY_TEST_CASE("a handle may be moved, or go, while jobs wait through it") {
    auto [sender, receiver] = open_channel<int>(0);
    Log log;
    auto first = std::make_unique<Sender<int>>(sender);
    eddy::spawn(sends(*first, 1, log)).detach();
    co_await settle();
    auto second = std::make_unique<Sender<int>>(std::move(*first));
    first.reset();
    co_await settle();
    CHECK(log.empty());
    second.reset();
    co_await settle();
    CHECK(log == Log{"closed 1"});
    CHECK(sender.statistics().senders == 1);
}

EDDY_TEST_CASE("a closed handle says so, and its copies are closed as well") {
    auto [sender, receiver] = open_channel<int>(1);
    int item = 5;
    auto last = sender.send(std::move(item));
    sender.close();
    receiver.close();
    Log log;
    co_await sends(sender, 1, log);
    co_await receives(receiver, log);
    CHECK(log == Log{"closed 1", "closed"});
    const Sender<int> copy = sender;
    const Receiver<int> other = receiver;
    CHECK(copy.is_closed());
    CHECK(other.is_closed());
    CHECK(copy.statistics().senders == 0);
    CHECK(copy.statistics().receivers == 0);
    CHECK(thrown_by([&] { static_cast<void>(copy.try_send(1)); }) == "closed");
    CHECK(thrown_by([&] { static_cast<void>(other.try_receive()); }) == "closed");
    CHECK(thrown_by([&] { static_cast<void>(copy.try_reserve()); }) == "closed");
    CHECK(thrown_by([&] { static_cast<void>(last.try_now()); }) == "closed");
    const Sender<int> moved = std::move(sender);
    CHECK(thrown_by([&] { static_cast<void>(sender.statistics()); }) == "invalid state");
}

EDDY_TEST_CASE("a cancelled send withdraws its item, a cancelled receive takes none") {
    auto [sender, receiver] = open_channel<int>(0);
    Log log;
    eddy::CancelScope scope;
    eddy::spawn(with_scope(scope, sends(sender, 1, log))).detach();
    co_await settle();
    eddy::spawn(sends(sender, 2, log)).detach();
    co_await settle();
    scope.cancel();
    CHECK(receiver.try_receive() == 2);
    CHECK_FALSE(receiver.try_receive());
    co_await settle();
    CHECK(log == Log{"sent 2"});
    eddy::CancelScope late;
    eddy::spawn(with_scope(late, receives(receiver, log))).detach();
    co_await settle();
    CHECK(sender.try_send(3));
    late.cancel();  // it has it
    co_await settle();
    CHECK(log == Log{"sent 2", "got 3"});
}

EDDY_TEST_CASE("a job that was given its item keeps it when its handle is closed") {
    auto [sender, receiver] = open_channel<int>(0);
    Log log;
    eddy::spawn(receives(receiver, log)).detach();
    co_await settle();
    CHECK(sender.try_send(1));
    receiver.close();
    sender.close();
    co_await settle();
    CHECK(log == Log{"got 1"});
}

EDDY_TEST_CASE("select offers and takes on one rendezvous without meeting itself") {
    auto [sender, receiver] = open_channel<int>(0);
    int offered = 1;
    Log log;
    auto chooser = eddy::spawn(
        [](const Sender<int>& s, const Receiver<int>& r, int& item, Log& out) -> Task<> {
            const auto done = co_await eddy::select(s.send(std::move(item)), r.receive());
            out.push_back(done.index() == 0 ? "sent" : "got " + std::to_string(std::get<1>(done)));
        },
        std::cref(sender),
        std::cref(receiver),
        std::ref(offered),
        std::ref(log));
    co_await settle();
    CHECK(log.empty());
    CHECK(sender.try_send(7));
    co_await chooser;
    CHECK(log == Log{"got 7"});
    CHECK_FALSE(receiver.try_receive());  // the offer is withdrawn
}

TEST_CASE("the item of a receiver that died before it ran goes to the next, or to the front") {
    {
        auto ends = open_channel<Tracked>(2);
        int got = 0;
        const auto receive = [](const Receiver<Tracked>& r, int& count) -> Task<> {
            co_await r.receive();
            ++count;
        };
        destroy_frames(
            [&] {
                eddy::spawn(eddy::shield(receive(ends.second, got))).detach();
                eddy::spawn(eddy::shield(receive(ends.second, got))).detach();
            },
            [&] {
                CHECK(ends.first.try_send(Tracked(1)));
                CHECK(ends.first.try_send(Tracked(2)));
                CHECK(ends.first.try_send(Tracked(3)));
                CHECK(ends.first.statistics().buffered == 1);
            });
        CHECK(got == 0);
        CHECK(ends.second.statistics().waiting_to_receive == 0);
        CHECK(ends.second.statistics().buffered == 3);
        CHECK(Tracked::alive() == 3);
        CHECK(ends.second.try_receive()->number() <= 2);
    }
    CHECK(Tracked::alive() == 0);
}

EDDY_TEST_CASE("a channel refuses other threads, and is left as it is") {
    auto [sender, receiver] = open_channel<int>(2);
    co_await sender.send(1);
    int item = 2;
    CHECK(refused_elsewhere([&] { static_cast<void>(sender.try_send(std::move(item))); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(sender.send(std::move(item))); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(sender.reserve()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(sender.try_reserve()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(sender.statistics()); }));
    CHECK(refused_elsewhere([&] { sender.close(); }));
    CHECK(refused_elsewhere([&] { const Sender<int> copy = sender; }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.try_receive()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.receive()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.next()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.statistics()); }));
    CHECK(refused_elsewhere([&] { receiver.close(); }));
    CHECK(refused_elsewhere([&] { const Receiver<int> copy = receiver; }));
    const eddy::ChannelStatistics now = sender.statistics();
    CHECK(now.capacity == 2);
    CHECK(now.buffered == 1);
    CHECK(now.senders == 1);
    CHECK(now.receivers == 1);
}

EDDY_ABORT_TEST_CASE("destroying a handle on another thread is a broken contract",
                     "destroyed on another thread") {
    auto ends = open_channel<int>(1);
    co_await ends.first.send(1);
    std::thread([sender = std::move(ends.first)]() mutable {
        const Sender<int> gone = std::move(sender);
    }).join();
}

EDDY_TEST_CASE("an item that comes back when no receiver is left is dropped") {
    auto ends = open_channel<Tracked>(2);
    CHECK(ends.first.try_send(Tracked(1)));
    {
        auto op = ends.second.receive();
        const bool taken = op.try_now();
        CHECK(taken);
        ends.second.close();
        // As a job's frame would be destroyed between the end of its wait and its resumption.
        using eddy::detail::WaiterAccess;
        WaiterAccess::commit_at_once(op, *eddy::detail::thread_state.job);
        WaiterAccess::abandon_own(op);
    }
    CHECK(Tracked::alive() == 0);
    co_return;
}
