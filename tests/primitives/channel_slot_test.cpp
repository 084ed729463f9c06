// SPDX-License-Identifier: MIT
// Reserved slots of a channel, and what its waits cost.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/channel.hpp>
#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "exchange_kit.hpp"
#include "heap_hooks.hpp"

namespace {

using eddy::open_channel;
using eddy::Receiver;
using eddy::Sender;
using eddy::Task;
using eddy::testing::destroy_frames;
using eddy::testing::refused_elsewhere;
using eddy::testing::settle;
using eddy::testing::thrown_by;

using Log = std::vector<std::string>;

Task<> reserves(const Sender<int>& sender, int number, Log& log) {
    std::string how = "slot ";
    try {
        auto slot = co_await sender.reserve();
        slot.send(number);
    } catch (const eddy::ClosedResource&) {
        how = "closed ";
    } catch (const eddy::BrokenResource&) {
        how = "broken ";
    }
    log.push_back(how + std::to_string(number));
}

Task<> sends(const Sender<int>& sender, int number, Log& log) {
    co_await sender.send(int(number));
    log.push_back("sent " + std::to_string(number));
}

Task<> next(const Receiver<int>& receiver, Log& log) {
    const std::optional<int> item = co_await receiver.next();
    log.push_back(item ? "got " + std::to_string(*item) : "end");
}

}  // namespace

EDDY_TEST_CASE("a slot is room that nobody else gets, and sending into it does not wait") {
    auto [sender, receiver] = open_channel<int>(2);
    auto slot = co_await sender.reserve();
    co_await sender.send(1);
    CHECK(sender.statistics().reserved == 1);
    CHECK(sender.statistics().buffered == 1);
    CHECK_FALSE(sender.try_send(9));
    CHECK_FALSE(sender.try_reserve());
    slot.send(2);
    CHECK(sender.statistics().reserved == 0);
    CHECK(receiver.try_receive() == 1);
    CHECK(receiver.try_receive() == 2);
    CHECK(thrown_by([&] { slot.send(3); }) == "invalid state");
}

EDDY_TEST_CASE("a slot that is dropped gives its room to the longest waiting, at once") {
    auto [sender, receiver] = open_channel<int>(1);
    Log log;
    {
        auto slot = sender.try_reserve();
        REQUIRE(slot);
        eddy::spawn(sends(sender, 1, log)).detach();
        co_await settle();
        eddy::spawn(reserves(sender, 2, log)).detach();
        co_await settle();
        CHECK(sender.statistics().waiting_to_send == 2);
        const auto moved = std::move(*slot);
        slot.reset();
        CHECK(sender.statistics().reserved == 1);
    }
    CHECK(sender.statistics().reserved == 0);
    CHECK(sender.statistics().buffered == 1);
    co_await settle();
    CHECK(log == Log{"sent 1"});
    CHECK(receiver.try_receive() == 1);  // the reservation is next
    CHECK(sender.statistics().reserved == 1);
    CHECK_FALSE(sender.try_send(9));
    co_await settle();
    CHECK(log == Log{"sent 1", "slot 2"});
    CHECK(receiver.try_receive() == 2);
}

EDDY_TEST_CASE("an item for a receiver that waits needs no room, whoever has reserved it") {
    auto [sender, receiver] = open_channel<int>(1);
    Log log;
    const auto slot = co_await sender.reserve();
    eddy::spawn(next(receiver, log)).detach();
    co_await settle();
    CHECK(sender.try_send(1));
    co_await settle();
    CHECK(log == Log{"got 1"});
    eddy::spawn(reserves(sender, 3, log)).detach();  // waits, there is no room
    co_await settle();
    eddy::spawn(sends(sender, 2, log)).detach();  // the same
    co_await settle();
    CHECK(receiver.try_receive() == 2);
    CHECK(sender.statistics().waiting_to_send == 1);
    co_await settle();
    CHECK(log == Log{"got 1", "sent 2"});
    sender.close();  // and ends the one that waits
    co_await settle();
    CHECK(log.back() == "closed 3");
}

EDDY_TEST_CASE(
    "a select that would send or receive does not get its own item when room comes free") {
    auto [sender, receiver] = open_channel<int>(1);
    auto slot = sender.try_reserve();
    std::size_t chosen = 9;
    auto chooser = eddy::spawn(
        [](const Sender<int>& s, const Receiver<int>& r, std::size_t& index) -> Task<> {
            const auto done = co_await eddy::select(s.send(1), r.receive());
            index = done.index();
        },
        std::cref(sender),
        std::cref(receiver),
        std::ref(chosen));
    co_await settle();
    CHECK(sender.statistics().waiting_to_send == 1);
    CHECK(sender.statistics().waiting_to_receive == 1);
    slot.reset();
    CHECK(sender.statistics().waiting_to_receive == 0);
    CHECK(sender.statistics().buffered == 1);
    co_await chooser;
    CHECK(chosen == 0);
    CHECK(receiver.try_receive() == 1);
}

EDDY_TEST_CASE("a stream does not end while there is a slot to send into") {
    auto [sender, receiver] = open_channel<int>(2);
    Log log;
    std::optional<Sender<int>::Slot> used = sender.try_reserve();
    std::optional<Sender<int>::Slot> dropped = sender.try_reserve();
    sender.close();
    eddy::spawn(next(receiver, log)).detach();
    co_await settle();
    CHECK(log.empty());
    used->send(1);  // its handle is closed, the slot is not
    co_await settle();
    CHECK(log == Log{"got 1"});
    eddy::spawn(next(receiver, log)).detach();
    co_await settle();
    dropped.reset();
    CHECK(receiver.statistics().waiting_to_receive == 0);
    co_await settle();
    CHECK(log == Log{"got 1", "end"});
}

EDDY_TEST_CASE("a slot that is dropped after the last sender wakes who waits (tokio 8260)") {
    auto [sender, receiver] = open_channel<int>(1);
    Log log;
    auto slot = sender.try_reserve();
    sender.close();
    eddy::spawn(next(receiver, log)).detach();
    eddy::spawn(next(receiver, log)).detach();
    co_await settle();
    slot.reset();
    co_await settle();
    CHECK(log == Log{"end", "end"});
}

EDDY_TEST_CASE("a slot for nobody is broken, and dropping it does nothing") {
    auto [sender, receiver] = open_channel<int>(1);
    Log log;
    auto slot = co_await sender.reserve();
    eddy::spawn(reserves(sender, 2, log)).detach();
    co_await settle();
    receiver.close();
    CHECK(sender.statistics().waiting_to_send == 0);
    CHECK(thrown_by([&] { slot.send(1); }) == "broken");
    co_await settle();
    CHECK(log == Log{"broken 2"});
    CHECK(thrown_by([&] { static_cast<void>(sender.try_reserve()); }) == "broken");
}

EDDY_TEST_CASE("a rendezvous has nothing to reserve") {
    auto [sender, receiver] = open_channel<int>(0);
    CHECK(thrown_by([&] { static_cast<void>(sender.try_reserve()); }) == "invalid state");
    bool refused = false;
    try {
        const auto slot = co_await sender.reserve();
    } catch (const eddy::InvalidState&) {
        refused = true;
    }
    CHECK(refused);
}

EDDY_TEST_CASE("a reservation that was not chosen, or cancelled, reserves nothing") {
    auto [sender, receiver] = open_channel<int>(1);
    co_await sender.send(1);
    const auto chosen =
        co_await eddy::select(sender.reserve(), eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(chosen.index() == 1);
    CHECK(sender.statistics().waiting_to_send == 0);
    Log log;
    eddy::CancelScope scope;
    eddy::spawn(with_scope(scope, reserves(sender, 2, log))).detach();
    co_await settle();
    scope.cancel();
    CHECK(receiver.try_receive() == 1);
    CHECK(sender.statistics().reserved == 0);
    co_await settle();
    CHECK(log.empty());
    CHECK(sender.try_send(3));
}

TEST_CASE("a slot whose job died before it ran goes to the next that waits") {
    auto ends = open_channel<int>(1);
    CHECK(ends.first.try_send(1));
    Log log;
    destroy_frames(
        [&] {
            eddy::spawn(eddy::shield(reserves(ends.first, 2, log))).detach();
            eddy::spawn(eddy::shield(reserves(ends.first, 3, log))).detach();
        },
        [&] {
            CHECK(ends.second.try_receive() == 1);
            CHECK(ends.first.statistics().reserved == 1);
        });
    CHECK(log.empty());
    CHECK(ends.first.statistics().reserved == 0);
    CHECK(ends.first.statistics().waiting_to_send == 0);
    CHECK(ends.first.try_send(4));
}

EDDY_TEST_CASE("an unbounded channel has room for slots, and keeps it") {
    auto [sender, receiver] = open_channel<int>(eddy::unbounded);
    std::vector<Sender<int>::Slot> slots;
    for (int i = 0; i < 50; ++i) {
        slots.push_back(co_await sender.reserve());
        CHECK(sender.try_send(i));
    }
    const std::size_t before = eddy::testing::heap_counters().allocations;
    for (int i = 0; i < 50; ++i) {
        slots[static_cast<std::size_t>(i)].send(100 + i);
    }
    CHECK(eddy::testing::heap_counters().allocations == before);
    CHECK(sender.statistics().buffered == 100);
    for (int i = 0; i < 50; ++i) {
        CHECK(receiver.try_receive() == i);
    }
    CHECK(receiver.try_receive() == 100);
}

EDDY_TEST_CASE("a slot refuses other threads") {
    auto [sender, receiver] = open_channel<int>(1);
    auto slot = co_await sender.reserve();
    CHECK(refused_elsewhere([&] { slot.send(1); }));
    CHECK(sender.statistics().reserved == 1);
    slot.send(1);
    CHECK(receiver.try_receive() == 1);
}

EDDY_TEST_CASE_FIFO("waits of a channel allocate nothing") {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{2}}) {
        auto [sender, receiver] = open_channel<int>(capacity);
        std::uint64_t got = 0;
        std::size_t allocated = 0;
        auto consumer = eddy::spawn(
            [](Receiver<int> r, std::uint64_t& count, std::size_t& used) -> Task<> {
                const std::size_t before = eddy::testing::heap_counters().allocations;
                while (auto item = co_await r.next()) {
                    ++count;
                }
                used = eddy::testing::heap_counters().allocations - before;
            },
            receiver,
            std::ref(got),
            std::ref(allocated));
        for (int i = 0; i < 500; ++i) {
            if (capacity != 0) {
                auto slot = co_await sender.reserve();
                slot.send(i);
            }
            co_await sender.send(int(i));
        }
        sender.close();
        co_await consumer;
        CHECK(got == (capacity == 0 ? 500 : 1000));
        CHECK(allocated == 0);
    }
}
