// SPDX-License-Identifier: MIT
#include <eddy/remote_channel.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>

#include "offload_kit.hpp"

using namespace eddy;
using namespace eddy::testing;

namespace {

using Item = std::unique_ptr<int>;

Item item(int value) { return std::make_unique<int>(value); }

/// For the matrix: `complete` does from the loop's thread what a thread would do.
struct ReceiveFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;  // by way of the inbox
    explicit ReceiveFixture(VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return channel.second.receive(); }
    void took() { ++taken; }
    Task<> wait() {
        const Item received = co_await channel.second.receive();
        ++taken;
    }
    Task<> wait_again() {
        if (taken == sent) {
            complete();
        }
        co_await wait();
    }
    void complete() { sent += channel.first.try_send(item(1)) ? 1 : 0; }
    [[nodiscard]] bool intact() const {
        return static_cast<int>(channel.second.size()) == sent - taken;
    }
    std::pair<RemoteSender<Item>, RemoteReceiver<Item>> channel = open_remote_channel<Item>(4);
    int sent = 0;
    int taken = 0;
};

struct SendFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit SendFixture(VirtualClock&) {}
    Task<> prepare() {
        sent += channel.first.try_send(item(0)) ? 1 : 0;
        co_return;
    }
    static constexpr bool refuses_again = true;  // its item has gone
    auto operation() { return channel.first.send(item(1)); }
    void took() { ++sent; }
    Task<> wait() {
        co_await channel.first.send(item(1));
        ++sent;
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { taken += channel.second.try_receive().has_value() ? 1 : 0; }
    [[nodiscard]] bool intact() const { return channel.second.size() <= 1; }
    std::pair<RemoteSender<Item>, RemoteReceiver<Item>> channel = open_remote_channel<Item>(1);
    int sent = 0;
    int taken = 0;
};

}  // namespace

EDDY_WAIT_MATRIX("RemoteReceiver::receive", ReceiveFixture)
EDDY_WAIT_MATRIX("RemoteSender::send", SendFixture)

TEST_CASE("a channel without room for an item is invalid_argument") {
    CHECK_THROWS_AS(static_cast<void>(open_remote_channel<int>(0)), std::invalid_argument);
}

EDDY_TEST_CASE(
    "a thread sends to the loop in order, waits while it is full, and its end is the end") {
    auto [sender, receiver] = open_remote_channel<Item>(4);
    std::thread thread([into = std::move(sender)] {
        for (int i = 0; i < 1000; ++i) {
            into.blocking_send(item(i));
        }
    });
    int expected = 0;
    while (true) {
        const std::optional<Item> next = co_await receiver.next();
        if (!next) {
            break;
        }
        CHECK(**next == expected);
        CHECK(receiver.size() <= 4);
        ++expected;
    }
    CHECK(expected == 1000);
    thread.join();
    bool ended = false;
    try {
        const Item none = co_await receiver.receive();
        CHECK(none == nullptr);
    } catch (const EndOfStream&) {
        ended = true;
    }
    CHECK(ended);
}

EDDY_TEST_CASE("the loop sends to a thread, waits while it is full, and its end is the end") {
    auto channel = open_remote_channel<Item>(2);
    std::vector<int> received;
    std::thread thread([receiver = std::move(channel.second), &received] {
        while (std::optional<Item> next = receiver.blocking_next()) {
            received.push_back(**next);
        }
        CHECK_THROWS_AS(static_cast<void>(receiver.blocking_receive()), EndOfStream);
    });
    {
        const RemoteSender<Item> sender = std::move(channel.first);
        for (int i = 0; i < 1000; ++i) {
            co_await sender.send(item(i));
        }
    }
    thread.join();
    CHECK(received.size() == 1000);
    for (std::size_t i = 0; i < received.size(); ++i) {
        CHECK(received[i] == static_cast<int>(i));
    }
}

EDDY_TEST_CASE("try_send and try_receive never wait and leave a refused item alone") {
    auto [sender, receiver] = open_remote_channel<Item>(1);
    CHECK_FALSE(receiver.try_receive().has_value());
    Item first = item(1);
    Item second = item(2);
    CHECK(sender.try_send(std::move(first)));
    CHECK_FALSE(sender.try_send(std::move(second)));
    CHECK(*second == 2);
    const std::optional<Item> out = receiver.try_receive();
    CHECK(**out == 1);
    sender.close();
    CHECK_FALSE(sender.try_send(std::move(second)));
    CHECK(*second == 2);
    co_return;
}

EDDY_TEST_CASE(
    "closing either side ends the waits of the other, and what is inside is still received") {
    auto [sender, receiver] = open_remote_channel<int>(1);
    CHECK(sender.try_send(1));
    auto blocked = spawn(
        [](RemoteSender<int> into) -> Task<int> {
            int end = 0;
            try {
                co_await into.send(2);
            } catch (const BrokenResource&) {
                end = 1;
            }
            try {
                into.blocking_send(3);
            } catch (const InvalidState&) {
                end += 10;  // a loop's thread
            }
            co_return end;
        },
        sender);
    co_await rounds();
    receiver.close();
    const int end = co_await blocked;
    CHECK(end == 11);
    const int inside = co_await receiver.receive();
    CHECK(inside == 1);
    const std::optional<int> nothing = co_await receiver.next();
    CHECK_FALSE(nothing.has_value());

    auto own = open_remote_channel<int>(1);
    own.first.close();
    bool closed = false;
    try {
        co_await own.first.send(1);
    } catch (const ClosedResource&) {
        closed = true;
    }
    CHECK(closed);
}

EDDY_TEST_CASE("closing wakes a blocked thread") {
    auto channel = open_remote_channel<int>(1);
    bool broken = false;
    std::thread thread([sender = channel.first, &broken] {
        sender.blocking_send(1);
        try {
            sender.blocking_send(2);
        } catch (const BrokenResource&) {
            broken = true;
        }
    });
    co_await until([&channel] { return channel.second.size() == 1; });
    channel.second.close();
    thread.join();
    CHECK(broken);
}

EDDY_TEST_CASE("an offloaded call that blocks on a channel ends when its job is cancelled") {
    auto channel = open_remote_channel<int>(1);
    std::atomic<bool> began{false};
    CancelScope scope;
    auto handle = spawn(with_scope(scope, [&channel, &began]() -> Task<> {
        co_await run_in_executor(
            [](const RemoteReceiver<int>& from, std::atomic<bool>& flag) {
                flag = true;
                return from.blocking_receive();
            },
            channel.second,
            std::ref(began));
    }));
    co_await until([&began] { return began.load(); });
    scope.cancel();
    bool stopped = false;
    try {
        co_await handle;
    } catch (const JobCancelled&) {
        stopped = true;
    }
    CHECK(stopped);
}

EDDY_TEST_CASE("jobs of two loops at one end are WrongThread") {
    auto channel = open_remote_channel<int>(1);
    auto waiting =
        spawn([](RemoteReceiver<int> from) -> Task<int> { co_return co_await from.receive(); },
              channel.second);
    co_await rounds();
    bool refused = false;
    std::thread([&] {
        eddy::run([](RemoteReceiver<int> from, bool& out) -> Task<> {
            try {
                const int none = co_await from.receive();
                CHECK(none == 0);
            } catch (const WrongThread&) {
                out = true;
            }
        }(channel.second, refused));
    }).join();
    CHECK(refused);
    CHECK(channel.first.try_send(7));
    const int value = co_await waiting;
    CHECK(value == 7);
}

TEST_CASE("a loop's end closes the channel at the end its jobs used, even if none had to wait") {
    auto channel = open_remote_channel<int>(2);
    channel.first.blocking_send(1);
    eddy::run([](RemoteReceiver<int> from) -> Task<> {
        const int one = co_await from.receive();
        CHECK(one == 1);
    }(channel.second));
    CHECK_THROWS_AS(channel.first.blocking_send(2), BrokenResource);
}

TEST_CASE("a thread that blocks is let go by the end of the loop it sends to") {
    auto channel = open_remote_channel<int>(1);
    std::thread thread([sender = channel.first] {
        try {
            while (true) {
                sender.blocking_send(1);
            }
        } catch (const BrokenResource&) {
        }
    });
    eddy::run([](RemoteReceiver<int> from) -> Task<> {
        for (int i = 0; i < 10; ++i) {
            const int one = co_await from.receive();
            CHECK(one == 1);
        }
    }(channel.second));
    thread.join();  // although a receiver lives on
    CHECK(channel.first.closed());
}

TEST_CASE("a channel between two loops") {
    auto channel = open_remote_channel<int>(3);
    std::thread thread([sender = std::move(channel.first)]() mutable {
        eddy::run([](RemoteSender<int> into) -> Task<> {
            for (int i = 0; i < 2000; ++i) {
                co_await into.send(i);
            }
        }(std::move(sender)));
    });
    long long sum = 0;
    eddy::run([](RemoteReceiver<int> from, long long& total) -> Task<> {
        while (true) {
            const std::optional<int> next = co_await from.next();
            if (!next) {
                break;
            }
            total += *next;
        }
    }(std::move(channel.second), sum));
    thread.join();
    CHECK(sum == 1999LL * 2000 / 2);
}

TEST_CASE(
    "threads and jobs at both ends, with receivers cancelled at random: every item comes out "
    "once") {
    constexpr int per_sender = 5000;
    auto channel = open_remote_channel<int>(8);
    std::vector<std::atomic<int>> seen(4 * per_sender);
    std::vector<std::thread> threads;
    for (int s = 0; s < 3; ++s) {
        threads.emplace_back([sender = channel.first, s] {
            for (int i = 0; i < per_sender; ++i) {
                sender.blocking_send(s * per_sender + i);
            }
        });
    }
    threads.emplace_back([receiver = channel.second, &seen] {
        while (const std::optional<int> next = receiver.blocking_next()) {
            ++seen[static_cast<std::size_t>(*next)];
        }
    });
    eddy::run([](std::pair<RemoteSender<int>, RemoteReceiver<int>> ends,
                 std::vector<std::atomic<int>>& counts) -> Task<> {
        co_await with_task_group([&](TaskGroup& group) -> Task<> {
            group.spawn(
                [](RemoteSender<int> into) -> Task<> {
                    for (int i = 0; i < per_sender; ++i) {
                        co_await into.send(3 * per_sender + i);
                    }
                },
                std::move(ends.first));
            for (int r = 0; r < 3; ++r) {
                group.spawn(
                    [](RemoteReceiver<int> from,
                       std::vector<std::atomic<int>>& out,
                       int salt) -> Task<> {
                        bool over = false;
                        for (int n = salt; !over; ++n) {
                            CancelScope scope;
                            auto taker = spawn(with_scope(scope, [&]() -> Task<> {
                                const std::optional<int> next = co_await from.next();
                                over = !next;
                                if (next) {
                                    ++out[static_cast<std::size_t>(*next)];
                                }
                            }));
                            if (n % 3 == 0) {
                                co_await yield();
                                scope.cancel();
                            }
                            co_await taker.wait();
                        }
                    },
                    ends.second,
                    std::ref(counts),
                    r);
            }
            co_return;
        });
    }(std::move(channel), seen));
    for (std::thread& thread : threads) {
        thread.join();
    }
    int wrong = 0;
    for (const std::atomic<int>& count : seen) {
        wrong += count == 1 ? 0 : 1;
    }
    CHECK(wrong == 0);
}

EDDY_TEST_CASE("an item whose receiver died before it ran goes to the next one") {
    auto [sender, receiver] = open_remote_channel<Item>(2);
    const bool sent = sender.try_send(item(1));
    CHECK(sent);
    {
        auto op = receiver.receive();
        const bool there = op.try_now();
        CHECK(there);
        // As a job's frame would be destroyed between the end of its wait and its resumption.
        using eddy::detail::WaiterAccess;
        WaiterAccess::commit_at_once(op, *eddy::detail::thread_state.job);
        WaiterAccess::abandon_own(op);
    }
    const Item again = co_await receiver.receive();
    CHECK(*again == 1);
}
