// SPDX-License-Identifier: MIT
#include <eddy/broadcast.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "exchange_kit.hpp"
#include "heap_hooks.hpp"

namespace {

using eddy::Broadcast;
using eddy::BroadcastReceiver;
using eddy::Task;
using eddy::testing::refused_elsewhere;
using eddy::testing::settle;
using eddy::testing::thrown_by;

using Log = std::vector<std::string>;

std::string seen(const std::optional<eddy::BroadcastItem<int>>& item) {
    if (!item) {
        return "end";
    }
    const std::string missed = item->missed == 0 ? "" : " after " + std::to_string(item->missed);
    return std::to_string(item->value) + missed;
}

Task<std::string> next(const BroadcastReceiver<int>& receiver) {
    try {
        const auto item = co_await receiver.next();
        co_return seen(item);
    } catch (const eddy::ClosedResource&) {
        co_return "closed";
    } catch (const eddy::BusyResource&) {
        co_return "busy";
    }
}

Task<> notes_next(const BroadcastReceiver<int>& receiver, Log& log) {
    log.push_back(co_await next(receiver));
}

Task<> notes_all(BroadcastReceiver<int> receiver, Log& log) {
    while (auto item = co_await receiver.next()) {
        log.push_back(seen(item));
    }
    log.push_back("end");
}

/// Each wait through a receiver of its own, which has seen nothing.
class ReceiveFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit ReceiveFixture(eddy::testing::VirtualClock&) : receiver_(broadcast_.subscribe()) {}
    Task<> prepare() { co_return; }
    auto operation() { return receiver_.receive(); }
    Task<> wait() {
        const BroadcastReceiver<int> mine = receiver_;
        const auto item = co_await mine.receive();
        CHECK(item.value == 1);
    }
    Task<> wait_again() { co_await wait(); }
    void complete() { CHECK(broadcast_.send(1) >= 1); }
    bool intact() const { return broadcast_.statistics().waiters == 0; }

protected:
    Broadcast<int> broadcast_{4};
    BroadcastReceiver<int> receiver_;
};

struct NextFixture : ReceiveFixture {
    using ReceiveFixture::ReceiveFixture;
    auto operation() { return receiver_.next(); }
    Task<> wait() {
        const BroadcastReceiver<int> mine = receiver_;
        const auto item = co_await mine.next();
        REQUIRE(item);
        CHECK(item->value == 1);
    }
};

}  // namespace

EDDY_TEST_CASE("every receiver gets every item, in order, from its subscription on") {
    Broadcast<int> broadcast(8);
    Log first;
    Log second;
    const auto early = broadcast.subscribe();
    eddy::spawn(notes_all(early, first)).detach();
    co_await settle();
    CHECK(broadcast.send(1) == 2);  // `early` itself is one
    auto late = broadcast.subscribe();
    const int two = 2;
    CHECK(broadcast.send(two) == 3);
    CHECK(first.empty());
    eddy::spawn(notes_all(late, second)).detach();
    co_await settle();
    CHECK(first == Log{"1", "2"});
    CHECK(second == Log{"2"});
    broadcast.close();
    broadcast.close();
    co_await settle();
    CHECK(first == Log{"1", "2", "end"});
    CHECK(second == Log{"2", "end"});
    CHECK(seen(early.try_receive()) == "1");  // what is kept can still be seen
    CHECK(seen(early.try_receive()) == "2");
    CHECK(seen(early.try_receive()) == "end");
}

EDDY_TEST_CASE("a slow receiver is told how many it missed, and goes on with the oldest kept") {
    Broadcast<int> broadcast(3);
    const auto slow = broadcast.subscribe();
    for (int i = 0; i < 8; ++i) {
        broadcast.send(i);
    }
    CHECK(slow.behind() == 8);
    CHECK(slow.statistics().kept == 3);
    const auto copy = slow;
    const auto item = co_await slow.receive();
    CHECK(item.value == 5);
    CHECK(item.missed == 5);
    CHECK(seen(slow.try_receive()) == "6");
    broadcast.send(8);
    broadcast.send(9);
    broadcast.send(10);
    CHECK(seen(slow.try_receive()) == "8 after 1");
    CHECK(seen(copy.try_receive()) == "8 after 8");
    CHECK(seen(copy.try_receive()) == "9");
}

EDDY_TEST_CASE("a receiver that was woken and did not run yet may fall behind as well") {
    Broadcast<int> broadcast(2);
    Log log;
    const auto receiver = broadcast.subscribe();
    eddy::spawn(notes_next(receiver, log)).detach();
    co_await settle();
    for (int i = 0; i < 4; ++i) {
        broadcast.send(i);
    }
    CHECK(thrown_by([&] { static_cast<void>(receiver.try_receive()); }) == "busy");
    co_await settle();
    CHECK(log == Log{"2 after 2"});
    CHECK(seen(receiver.try_receive()) == "3");
}

EDDY_TEST_CASE("a send that nobody would see is broken, and leaves the item alone") {
    Broadcast<std::shared_ptr<int>> broadcast(2);
    auto item = std::make_shared<int>(1);
    CHECK(thrown_by([&] { broadcast.send(std::move(item)); }) == "broken");
    CHECK_FALSE(broadcast.try_send(std::move(item)));
    REQUIRE(item != nullptr);
    auto receiver = broadcast.subscribe();
    CHECK(broadcast.try_send(std::move(item)));
    CHECK(item == nullptr);
    receiver.close();
    receiver.close();
    CHECK(thrown_by([&] { broadcast.send(nullptr); }) == "broken");
    broadcast.close();
    CHECK(thrown_by([&] { broadcast.send(nullptr); }) == "closed");
    CHECK(thrown_by([&] { broadcast.try_send(nullptr); }) == "closed");
    CHECK(thrown_by([&] { static_cast<void>(broadcast.subscribe()); }) == "closed");
    CHECK(thrown_by([&] { static_cast<void>(receiver.try_receive()); }) == "closed");
    const auto copy = receiver;
    CHECK(copy.is_closed());
    co_return;
}

EDDY_TEST_CASE("the end of a Broadcast is the end of what its receivers can see, not of them") {
    std::optional<BroadcastReceiver<int>> receiver;
    Log log;
    {
        Broadcast<int> broadcast(2);
        receiver.emplace(broadcast.subscribe());
        eddy::spawn(notes_all(*receiver, log)).detach();
        co_await settle();
        broadcast.send(1);
    }
    co_await settle();
    CHECK(log == Log{"1", "end"});
    const auto item = co_await receiver->receive();
    CHECK(item.value == 1);
    bool ended = false;
    try {
        co_await receiver->receive();
    } catch (const eddy::EndOfStream&) {
        ended = true;
    }
    CHECK(ended);
    CHECK(receiver->statistics().closed);
}

EDDY_TEST_CASE("closing a receiver wakes the job that waits through it, and nobody else") {
    Broadcast<int> broadcast(2);
    auto receiver = broadcast.subscribe();
    auto other = std::make_unique<BroadcastReceiver<int>>(broadcast.subscribe());
    Log log;
    eddy::spawn(notes_next(receiver, log)).detach();
    eddy::spawn(notes_next(*other, log)).detach();
    co_await settle();
    const auto moved = std::move(*other);  // while a job waits through it
    other.reset();
    receiver.close();
    CHECK(broadcast.statistics().waiters == 1);
    co_await settle();
    CHECK(log == Log{"closed"});
    broadcast.send(1);
    co_await settle();
    CHECK(log == Log{"closed", "1"});
}

EDDY_TEST_CASE("two jobs cannot wait through one receiver, nor one job twice") {
    Broadcast<int> broadcast(2);
    const auto receiver = broadcast.subscribe();
    Log log;
    eddy::spawn(notes_next(receiver, log)).detach();
    co_await settle();
    const std::string how = co_await next(receiver);
    CHECK(how == "busy");
    broadcast.send(1);
    co_await settle();
    CHECK(log == Log{"1"});
    bool busy = false;
    try {
        co_await eddy::select(receiver.next(), receiver.next());
    } catch (const eddy::BusyResource&) {
        busy = true;
    }
    CHECK(busy);
    CHECK(broadcast.statistics().waiters == 0);
    broadcast.send(2);
    const std::string then = co_await next(receiver);
    CHECK(then == "2");  // it is free again
}

EDDY_TEST_CASE("an item counts as received when the job has it, not when a select passed it over") {
    Broadcast<int> broadcast(2);
    const auto receiver = broadcast.subscribe();
    const auto slept =
        co_await eddy::select(receiver.next(), eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(slept.index() == 1);
    broadcast.send(1);
    CHECK(receiver.behind() == 1);
    const auto got =
        co_await eddy::select(receiver.receive(), eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(std::get<0>(got).value == 1);
    CHECK(receiver.behind() == 0);
}

TEST_CASE("a broadcast of capacity 0 is refused") {
    CHECK(thrown_by([] { Broadcast<int> none(0); }) == "invalid argument");
}

EDDY_TEST_CASE("a broadcast and its receivers refuse other threads") {
    Broadcast<int> broadcast(2);
    auto receiver = broadcast.subscribe();
    broadcast.send(1);
    CHECK(refused_elsewhere([&] { broadcast.send(2); }));
    CHECK(refused_elsewhere([&] { broadcast.try_send(2); }));
    CHECK(refused_elsewhere([&] { broadcast.close(); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(broadcast.subscribe()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(broadcast.statistics()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.try_receive()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.receive()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.next()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.behind()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.statistics()); }));
    CHECK(refused_elsewhere([&] { receiver.close(); }));
    CHECK(refused_elsewhere([&] { const auto copy = receiver; }));
    CHECK(broadcast.statistics().sent == 1);
    CHECK(broadcast.statistics().receivers == 1);
    co_return;
}

EDDY_ABORT_TEST_CASE("destroying a broadcast on another thread is a broken contract",
                     "destroyed on another thread") {
    auto broadcast = std::make_unique<Broadcast<int>>(1);
    const auto receiver = broadcast->subscribe();
    std::thread([&broadcast] { broadcast.reset(); }).join();
    co_return;
}

EDDY_TEST_CASE_FIFO("waits and sends of a broadcast allocate nothing") {
    Broadcast<int> broadcast(4);
    std::uint64_t got = 0;
    auto consumer = eddy::spawn(
        [](BroadcastReceiver<int> receiver, std::uint64_t& count) -> Task<> {
            while (auto item = co_await receiver.next()) {
                ++count;
            }
        },
        broadcast.subscribe(),
        std::ref(got));
    co_await settle();
    const std::size_t before = eddy::testing::heap_counters().allocations;
    for (int i = 0; i < 500; ++i) {
        broadcast.send(i);
        co_await eddy::yield();
    }
    const std::size_t after = eddy::testing::heap_counters().allocations;
    broadcast.close();
    co_await consumer;
    CHECK(got == 500);
    CHECK(after == before);
}

EDDY_WAIT_MATRIX("BroadcastReceiver::receive", ReceiveFixture)
EDDY_WAIT_MATRIX("BroadcastReceiver::next", NextFixture)
