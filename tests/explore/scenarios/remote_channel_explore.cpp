// SPDX-License-Identifier: MIT
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/remote_channel.hpp>
#include <eddy/set_log.hpp>
#include <eddy/task.hpp>
#include <eddy/thread_pool.hpp>

#include "call.hpp"
#include "explore.hpp"
#include "loop.hpp"

using Item = std::unique_ptr<int>;  // somebody has to free it, once
using Sender = eddy::RemoteSender<Item>;
using Receiver = eddy::RemoteReceiver<Item>;

namespace {

// The pool's end may say something.
void discard(eddy::LogLevel, std::string_view) noexcept {}
[[maybe_unused]] const bool discarded = (eddy::set_log(discard, eddy::LogLevel::error), true);

/// What one side has brought and the other has seen, of two senders: 1, 2, ... and 10.
struct Count {
    int sum = 0;
    int items = 0;

    void add(const Item& item) {
        sum += *item;
        ++items;
    }
};

/// Sends from `first` on, until they are all sent or the other side is gone.
void send(const Sender& to, int first, int count, Count& sent) {
    for (int i = 0; i < count; ++i) {
        try {
            to.blocking_send(std::make_unique<int>(first + i));
        } catch (const eddy::BrokenResource&) {
            return;
        }
        sent.sum += first + i;
        ++sent.items;
    }
}

eddy::Task<void> receive_all(Receiver from, Count& got) {
    while (true) {
        std::optional<Item> item = co_await from.next();
        if (!item) {
            co_return;
        }
        got.add(*item);
    }
}

eddy::Task<void> receive_one(Receiver from, Count& got) {
    const std::optional<Item> item = co_await from.next();
    if (item) {
        got.add(*item);
    }
}

eddy::Task<void> send_two(Sender to) {
    co_await to.send(std::make_unique<int>(1));
    co_await to.send(std::make_unique<int>(2));
}

eddy::Task<void> send_after_call(eddy::Executor& pool, Call& call, const Sender& to) {
    co_await offload_one(pool, {}, call);
    co_await to.send(std::make_unique<int>(1));
}

}  // namespace

// Everything is under a lock: surprises are for the night.
EXPLORE("remote channel: two threads send, a job receives all", .surprises = 0) {
    CoreLoop loop(CoreLoop::Woken::by_bell);
    Count got;
    Count sent_a;
    Count sent_b;
    std::thread a;
    std::thread b;
    {
        auto [to, from] = eddy::open_remote_channel<Item>(1);
        loop.spawn([&got, in = std::move(from)] { return receive_all(in, got); });
        a = std::thread([&sent_a, out = to] { send(out, 1, 2, sent_a); });
        b = std::thread([&sent_b, out = std::move(to)] { send(out, 10, 1, sent_b); });
    }
    loop.run();
    loop.end();
    a.join();
    b.join();
    explore::check(got.items == 3 && got.sum == 13, "each item once");
    explore::check(sent_a.items + sent_b.items == 3, "and none is refused");
}

EXPLORE("remote channel: a job sends, two threads receive", .surprises = 0) {
    CoreLoop loop(CoreLoop::Woken::by_bell);
    Count got_a;
    Count got_b;
    const auto receive = [](const Receiver& from, Count& got) {
        while (const std::optional<Item> item = from.blocking_next()) {
            got.add(*item);
        }
    };
    std::thread a;
    std::thread b;
    {
        auto [to, from] = eddy::open_remote_channel<Item>(1);
        loop.spawn([out = std::move(to)] { return send_two(out); });
        a = std::thread([&, in = from] { receive(in, got_a); });
        b = std::thread([&, in = std::move(from)] { receive(in, got_b); });
    }
    loop.run();
    loop.end();
    a.join();
    b.join();
    explore::check(got_a.items + got_b.items == 2 && got_a.sum + got_b.sum == 3, "each item once");
}

EXPLORE("remote channel: the receiver goes, and no sender stays behind", .surprises = 0) {
    CoreLoop loop(CoreLoop::Woken::by_bell);
    Count got;
    Count sent_a;
    Count sent_b;
    std::thread a;
    std::thread b;
    {
        auto [to, from] = eddy::open_remote_channel<Item>(1);
        loop.spawn([&got, in = std::move(from)] { return receive_one(in, got); });
        a = std::thread([&sent_a, out = to] { send(out, 1, 2, sent_a); });
        b = std::thread([&sent_b, out = std::move(to)] { send(out, 10, 1, sent_b); });
    }
    loop.run();
    a.join();
    b.join();
    loop.end();
    explore::check(got.items == 1, "one was received");
    explore::check(sent_a.items + sent_b.items >= 1, "of those that were sent");
}

EXPLORE("remote channel: a receiver that is cancelled takes nothing along") {
    CoreLoop loop(CoreLoop::Woken::by_bell);
    Count got;
    Count sent_a;
    Count sent_b;
    std::thread a;
    std::thread b;
    auto [to, from] = eddy::open_remote_channel<Item>(3);
    loop.spawn([&got, in = from] { return receive_all(in, got); });
    a = std::thread([&sent_a, out = to] { send(out, 1, 2, sent_a); });
    b = std::thread([&sent_b, out = std::move(to)] { send(out, 10, 1, sent_b); });
    loop.core().run_turn();
    loop.cancel();
    loop.run();
    a.join();
    b.join();
    while (const std::optional<Item> item = from.try_receive()) {
        got.add(*item);
    }
    loop.end();
    explore::check(got.items == 3 && got.sum == 13, "each item once");
}

// A worker that waits for its loop is no worker: another one takes what the loop waits for.
EXPLORE("remote channel: a call that waits for a loop that waits for the pool", .surprises = 0) {
    CoreLoop loop(CoreLoop::Woken::by_bell);
    Call waits;
    Call next;
    int got = 0;
    {
        eddy::ThreadPool pool({.threads = 1, .max_blocked = 1, .grace = std::chrono::hours(1)});
        auto [to, from] = eddy::open_remote_channel<Item>(1);
        const auto receive = [](const Receiver* its, int* into) {
            *into = *its->blocking_receive();
        };
        loop.spawn([&, its = &from] { return offload(pool, {}, waits, receive, its, &got); });
        loop.spawn([&, its = &to] { return send_after_call(pool, next, *its); });
        loop.run();
    }
    loop.end();
    explore::check(got == 1 && waits.returned == 1 && next.returned == 1, "both have ended");
}
