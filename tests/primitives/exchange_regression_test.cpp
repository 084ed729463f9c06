// SPDX-License-Identifier: MIT
// What went wrong with queues and channels elsewhere, by the numbers of the reports.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/broadcast.hpp>
#include <eddy/channel.hpp>
#include <eddy/error.hpp>
#include <eddy/queue.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/watch.hpp>
#include <eddy/with_scope.hpp>

#include "exchange_kit.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::open_channel;
using eddy::Queue;
using eddy::Receiver;
using eddy::Sender;
using eddy::Task;
using eddy::testing::destroy_frames;
using eddy::testing::settle;

using Log = std::vector<std::string>;

/// Jobs in scopes of their own, started one after the other.
class Jobs final {
public:
    Task<> start(Task<std::string> body) {
        scopes_.push_back(std::make_unique<eddy::CancelScope>());
        eddy::spawn(with_scope(*scopes_.back(), note(scopes_.size() - 1, std::move(body))))
            .detach();
        ends_.emplace_back("waits");
        co_await settle();
    }
    void cancel(std::size_t job) { scopes_[job]->cancel(); }
    [[nodiscard]] const Log& ends() const noexcept { return ends_; }

private:
    Task<> note(std::size_t job, Task<std::string> body) {
        try {
            ends_[job] = co_await std::move(body);
        } catch (const eddy::Cancelled&) {
            ends_[job] = "cancelled";
            throw;
        }
    }

    std::vector<std::unique_ptr<eddy::CancelScope>> scopes_;
    Log ends_;
};

Task<std::string> get(Queue<int>& queue) {
    const int item = co_await queue.get();
    co_return std::to_string(item);
}
Task<std::string> put(Queue<int>& queue, int item) {
    co_await queue.put(int(item));
    co_return "put";
}
Task<std::string> receive(const Receiver<int>& receiver) {
    const int item = co_await receiver.receive();
    co_return std::to_string(item);
}
Task<std::string> send(const Sender<int>& sender, int item) {
    co_await sender.send(int(item));
    co_return "sent";
}

}  // namespace

EDDY_TEST_CASE(
    "a getter cancelled in the step it is given an item strands nobody (asyncio 27585)") {
    for (const bool cancel_first : {true, false}) {
        for (int getters = 1; getters <= 3; ++getters) {
            Queue<int> queue(2);
            Jobs jobs;
            for (int i = 0; i < getters; ++i) {
                co_await jobs.start(get(queue));
            }
            if (cancel_first) {
                jobs.cancel(0);
            }
            CHECK(queue.try_put(1));
            jobs.cancel(0);
            CHECK(queue.try_put(2));
            co_await jobs.start(get(queue));  // comes late
            Log expected = cancel_first ? Log{"cancelled", "1", "2"} : Log{"1", "2"};
            expected.resize(static_cast<std::size_t>(getters) + 1, "waits");
            CHECK(jobs.ends() == expected);
            CHECK(queue.size() == (cancel_first && getters == 1 ? 1 : 0));
            for (std::size_t i = 0; i < jobs.ends().size(); ++i) {
                jobs.cancel(i);
            }
            co_await settle();
            CHECK(queue.statistics().getters == 0);
        }
    }
}

EDDY_TEST_CASE(
    "a putter cancelled in the step its room comes free strands nobody (asyncio 32734)") {
    for (const bool cancel_first : {true, false}) {
        Queue<int> queue(1);
        CHECK(queue.try_put(0));
        Jobs jobs;
        co_await jobs.start(put(queue, 1));
        co_await jobs.start(put(queue, 2));
        if (cancel_first) {
            jobs.cancel(0);
        }
        CHECK(queue.try_get() == 0);
        jobs.cancel(0);
        co_await settle();
        CHECK(jobs.ends() == (cancel_first ? Log{"cancelled", "put"} : Log{"put", "waits"}));
        CHECK(queue.try_get() == (cancel_first ? 2 : 1));
        co_await settle();
        CHECK(jobs.ends()[1] == "put");
        CHECK(queue.size() == (cancel_first ? 0 : 1));
    }
}

EDDY_TEST_CASE(
    "an item that comes at the deadline of its get is got or stays (asyncio 37658, 42130)") {
    Queue<int> queue(4);
    int got = 0;
    auto consumer = eddy::spawn(
        [](Queue<int>& q, int& count) -> Task<> {
            for (int i = 0; i < 20; ++i) {
                const auto item =
                    co_await eddy::move_on_after(1s, [](Queue<int>& from) -> Task<int> {
                        const int value = co_await from.get();
                        co_return value;
                    }(q));
                count += item ? 1 : 0;
                CHECK(q.statistics().getters == 0);  // and no waiter is left behind
            }
        },
        std::ref(queue),
        std::ref(got));
    for (int i = 0; i < 10; ++i) {
        co_await eddy::sleep_for(1s);
        co_await queue.put(int(i));
    }
    co_await consumer;
    CHECK(static_cast<std::size_t>(got) + queue.size() == 10);
    CHECK(got >= 5);
}

EDDY_TEST_CASE(
    "those who wait are served in order, whoever is cancelled among them (asyncio 45997)") {
    Queue<int> queue(1);
    CHECK(queue.try_put(0));
    Jobs jobs;
    for (int i = 1; i <= 5; ++i) {
        co_await jobs.start(put(queue, i));
    }
    jobs.cancel(0);
    jobs.cancel(2);
    for (const int expected : {0, 2, 4, 5}) {
        CHECK(queue.try_get() == expected);
        CHECK_FALSE(queue.try_put(9) != (expected == 5));  // a newcomer finds no room before
    }
    CHECK(queue.try_get() == 9);
    co_await settle();
    CHECK(jobs.ends() == Log{"cancelled", "put", "cancelled", "put", "put"});
}

EDDY_TEST_CASE("an item never goes into a receiver that is cancelled (anyio 146, 947)") {
    auto [sender, receiver] = open_channel<int>(0);
    std::vector<int> received;
    auto reader = eddy::spawn(
        [](const Receiver<int>& from, std::vector<int>& out) -> Task<> {
            while (out.size() < 10) {
                const auto item = co_await eddy::move_on_after(1s, receive(from));
                if (item) {
                    out.push_back(std::stoi(*item));
                }
            }
        },
        std::cref(receiver),
        std::ref(received));
    for (int i = 0; i < 10; ++i) {
        co_await eddy::sleep_for(2s);
        co_await sender.send(int(i));
    }
    co_await reader;
    CHECK(received == std::vector<int>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

EDDY_TEST_CASE("a sender that waits goes on when an item is taken without a wait (anyio 143)") {
    auto [sender, receiver] = open_channel<int>(1);
    CHECK(sender.try_send(1));
    Jobs jobs;
    co_await jobs.start(send(sender, 2));
    CHECK(receiver.try_receive() == 1);
    CHECK(sender.statistics().buffered == 1);
    co_await settle();
    CHECK(jobs.ends() == Log{"sent"});
    CHECK(receiver.try_receive() == 2);
}

EDDY_TEST_CASE("a cancelled head of the queue does not strand those behind it (anyio 398, 1145)") {
    for (const bool cancel_first : {true, false}) {
        auto [sender, receiver] = open_channel<int>(0);
        Jobs jobs;
        co_await jobs.start(receive(receiver));
        co_await jobs.start(receive(receiver));
        if (cancel_first) {
            jobs.cancel(0);
        }
        CHECK(sender.try_send(1));
        jobs.cancel(0);
        CHECK(sender.try_send(2) == !cancel_first);
        co_await settle();
        CHECK(jobs.ends() == (cancel_first ? Log{"cancelled", "1"} : Log{"1", "2"}));
    }
}

EDDY_TEST_CASE("room on its way to one that waits is not given a second time (anyio 1170)") {
    auto [sender, receiver] = open_channel<int>(1);
    CHECK(sender.try_send(1));
    Jobs jobs;
    co_await jobs.start([](const Sender<int>& from) -> Task<std::string> {
        const auto slot = co_await from.reserve();
        co_await eddy::sleep_forever();
        co_return "";
    }(sender));
    CHECK(receiver.try_receive() == 1);
    CHECK_FALSE(sender.try_send(2));
    CHECK_FALSE(sender.try_reserve());
    const eddy::ChannelStatistics now = sender.statistics();
    CHECK(now.buffered + now.reserved == 1);
    jobs.cancel(0);
    co_await settle();
    CHECK(sender.try_send(2));
}

EDDY_TEST_CASE("what has been closed does not open again (tokio 8021)") {
    Queue<int> queue(2);
    CHECK(queue.try_put(1));
    queue.shutdown(eddy::Shutdown::immediate);
    queue.shutdown(eddy::Shutdown::drain);
    CHECK(eddy::testing::thrown_by([&] { static_cast<void>(queue.try_put(2)); }) == "closed");

    auto [sender, receiver] = open_channel<int>(2);
    auto slot = co_await sender.reserve();
    receiver.close();
    const Receiver<int> copy = receiver;
    CHECK(sender.statistics().receivers == 0);
    {
        const auto dropped = std::move(slot);
    }  // gives room back, to nobody
    CHECK(eddy::testing::thrown_by([&] { static_cast<void>(sender.try_send(1)); }) == "broken");

    auto [other, reader] = open_channel<int>(2);
    auto late = co_await other.reserve();
    other.close();
    late.send(1);
    const auto first = co_await reader.next();
    const auto end = co_await reader.next();
    CHECK(first == 1);
    CHECK_FALSE(end);
    const auto still = co_await reader.next();
    CHECK_FALSE(still);
}

TEST_CASE("a change that woke a job which died is still to be seen (tokio 7965)") {
    eddy::Watch<int> watch(0);
    eddy::Broadcast<int> broadcast(2);
    auto watching = watch.subscribe();
    auto listening = broadcast.subscribe();
    bool ran = false;
    const auto waits = [](eddy::WatchReceiver<int>& w, bool& out) -> Task<> {
        co_await w.changed();
        out = true;
    };
    const auto listens = [](eddy::BroadcastReceiver<int>& b, bool& out) -> Task<> {
        co_await b.next();
        out = true;
    };
    destroy_frames(
        [&] {
            eddy::spawn(eddy::shield(waits(watching, ran))).detach();
            eddy::spawn(eddy::shield(waits(watching, ran))).detach();
            eddy::spawn(eddy::shield(listens(listening, ran))).detach();
        },
        [&] {
            watch.set(1);
            CHECK(broadcast.send(1) == 1);
        });
    CHECK_FALSE(ran);
    CHECK(watching.has_changed());
    CHECK(listening.behind() == 1);
    const auto item = listening.try_receive();  // and the receiver is free for others
    REQUIRE(item);
    CHECK(item->value == 1);
}
