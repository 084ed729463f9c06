// SPDX-License-Identifier: MIT
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/broadcast.hpp>
#include <eddy/channel.hpp>
#include <eddy/counter.hpp>
#include <eddy/event.hpp>
#include <eddy/future.hpp>
#include <eddy/lifo_queue.hpp>
#include <eddy/oneshot.hpp>
#include <eddy/priority_queue.hpp>
#include <eddy/queue.hpp>
#include <eddy/remote_counter.hpp>
#include <eddy/remote_event.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/watch.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "wrong_thread.hpp"

// As off_loop_test.cpp, on a std::thread, on another loop's thread and in a forked child: what
// hands items over. Copying a handle changes what all of them share, so it is refused too.

namespace {

using namespace eddy::testing;
using eddy::Task;

template <class Q>
void check_queue_refused(Q& queue) {
    static const int item = 1;
    check_refused(
        {
            OffLoopCall("size", [&] { return queue.size(); }),
            OffLoopCall("empty", [&] { return queue.empty(); }),
            OffLoopCall("is_shut_down", [&] { return queue.is_shut_down(); }),
            OffLoopCall("statistics", [&] { return queue.statistics(); }),
            OffLoopCall("try_put", [&] { return queue.try_put(item); }),
            OffLoopCall("try_get", [&] { return queue.try_get(); }),
            {"task_done", [&] { queue.task_done(); }},
            {"shutdown", [&] { queue.shutdown(); }},
            off_loop_await("put", [&] { return queue.put(item); }),
            off_loop_await("get", [&] { return queue.get(); }),
            off_loop_await("next", [&] { return queue.next(); }),
            off_loop_await("join", [&] { return queue.join(); }),
        },
        [&] { return std::to_string(queue.size()) + (queue.is_shut_down() ? " shut" : ""); });
    check_anywhere({{"capacity", "a constant", [&] { static_cast<void>(queue.capacity()); }}});
}

}  // namespace

EDDY_TEST_CASE("queues are their loop's") {
    eddy::Queue<int> queue(2);
    eddy::LifoQueue<int> lifo(2);
    eddy::PriorityQueue<int> priority(2);
    check_queue_refused(queue);
    check_queue_refused(lifo);
    check_queue_refused(priority);
    const bool put = queue.try_put(1);
    CHECK(put);
    check_queue_refused(queue);
    co_await eddy::checkpoint();
}

EDDY_TEST_CASE("the ends of a channel are its loop's, open or closed") {
    static const int item = 1;
    auto [sender, receiver] = eddy::open_channel<int>(2);
    eddy::Sender<int> closed = sender;
    closed.close();
    auto slot = sender.try_reserve();
    std::optional<eddy::Sender<int>> kept;
    check_refused(
        {
            OffLoopCall("Sender::statistics", [&] { return sender.statistics(); }),
            OffLoopCall("Sender::try_send", [&] { return sender.try_send(item); }),
            OffLoopCall("Sender::try_reserve", [&] { return sender.try_reserve().has_value(); }),
            {"Sender::close", [&] { sender.close(); }},
            {"Sender::close again", [&] { closed.close(); }},
            {"a copy of a Sender", [&] { kept.emplace(sender); }},
            {"a copy of a closed Sender", [&] { kept.emplace(closed); }},
            off_loop_await("Sender::send", [&] { return sender.send(item); }),
            off_loop_await("Sender::reserve", [&] { return sender.reserve(); }),
            {"Slot::send", [&] { slot->send(1); }},
            OffLoopCall("Receiver::statistics", [&] { return receiver.statistics(); }),
            OffLoopCall("Receiver::try_receive", [&] { return receiver.try_receive(); }),
            {"Receiver::close", [&] { receiver.close(); }},
            OffLoopCall("a copy of a Receiver",
                        [&] { return eddy::Receiver<int>(receiver).is_closed(); }),
            off_loop_await("Receiver::receive", [&] { return receiver.receive(); }),
            off_loop_await("Receiver::next", [&] { return receiver.next(); }),
        },
        [&] {
            const eddy::ChannelStatistics now = sender.statistics();
            return std::to_string(now.senders) + " " + std::to_string(now.receivers) + " " +
                   std::to_string(now.buffered) + " " + std::to_string(now.reserved);
        });
    check_anywhere({
        {"Sender::is_closed", "the handle alone", [&] { CHECK(closed.is_closed()); }},
        {"Receiver::is_closed", "the handle alone", [&] { CHECK_FALSE(receiver.is_closed()); }},
    });
    CHECK_FALSE(kept.has_value());
    co_await eddy::checkpoint();
}

EDDY_TEST_CASE("both ends of a Oneshot are its loop's") {
    eddy::Oneshot<int> once;
    check_refused(
        {
            OffLoopCall("OneshotSender::send", [&] { return once.sender.send(1); }),
            OffLoopCall("OneshotSender::is_wanted", [&] { return once.sender.is_wanted(); }),
            OffLoopCall("OneshotReceiver::statistics", [&] { return once.receiver.statistics(); }),
            OffLoopCall("OneshotReceiver::try_receive",
                        [&] { return once.receiver.try_receive(); }),
            {"OneshotReceiver::close", [&] { once.receiver.close(); }},
            off_loop_await("OneshotReceiver::receive", [&] { return once.receiver.receive(); }),
            off_loop_await("OneshotReceiver::next", [&] { return once.receiver.next(); }),
        },
        [&] { return once.sender.is_wanted() ? "wanted" : "not wanted"; });
    co_await eddy::checkpoint();
}

EDDY_TEST_CASE("a Promise and its Futures are their loop's") {
    eddy::Promise<int> promise;
    eddy::Future<int> future = promise.future();
    std::optional<eddy::Future<int>> kept;
    const auto error = std::make_exception_ptr(std::runtime_error("no"));
    check_refused(
        {
            OffLoopCall("Promise::future", [&] { return promise.future().valid(); }),
            OffLoopCall("Promise::done", [&] { return promise.done(); }),
            {"Promise::set_value", [&] { promise.set_value(1); }},
            OffLoopCall("Promise::try_set_value", [&] { return promise.try_set_value(1); }),
            {"Promise::set_exception", [&] { promise.set_exception(error); }},
            OffLoopCall("Promise::try_set_exception",
                        [&] { return promise.try_set_exception(error); }),
            {"a copy of a Future", [&] { kept.emplace(future); }},
            OffLoopCall("Future::done", [&] { return future.done(); }),
            OffLoopCall("Future::value", [&] { return future.value(); }),
            OffLoopCall("Future::error", [&] { return future.error(); }),
            OffLoopCall("Future::statistics", [&] { return future.statistics(); }),
            off_loop_await("Future::wait", [&] { return future.wait(); }),
            {"co_await future",
             [&]() -> Task<> {
                 return [](eddy::Future<int>& awaited) -> Task<> {
                     static_cast<void>(co_await awaited);
                 }(future);
             }},
        },
        [&] { return promise.done() ? "done" : "pending"; });
    check_anywhere({
        {"Future::valid", "the handle alone", [&] { CHECK(future.valid()); }},
        {"a copy of an empty Future",
         "the handle alone",
         [&] {
             const eddy::Future<int> empty;
             const eddy::Future<int> copy = empty;
             CHECK_FALSE(copy.valid());
         }},
    });
    promise.set_value(7);
    const int value = co_await future;
    CHECK(value == 7);
}

EDDY_TEST_CASE("a Broadcast, a Watch and who has subscribed are their loop's") {
    eddy::Broadcast<int> broadcast(2);
    eddy::BroadcastReceiver<int> receiver = broadcast.subscribe();
    eddy::Watch<int> watch(1);
    eddy::WatchReceiver<int> watcher = watch.subscribe();
    check_refused(
        {
            OffLoopCall("Broadcast::statistics", [&] { return broadcast.statistics(); }),
            OffLoopCall("Broadcast::subscribe", [&] { return broadcast.subscribe().is_closed(); }),
            OffLoopCall("Broadcast::send", [&] { return broadcast.send(1); }),
            OffLoopCall("Broadcast::try_send", [&] { return broadcast.try_send(1); }),
            {"Broadcast::close", [&] { broadcast.close(); }},
            OffLoopCall("BroadcastReceiver::statistics", [&] { return receiver.statistics(); }),
            OffLoopCall("BroadcastReceiver::behind", [&] { return receiver.behind(); }),
            OffLoopCall("BroadcastReceiver::try_receive",
                        [&] { return receiver.try_receive().has_value(); }),
            OffLoopCall("a copy of a BroadcastReceiver",
                        [&] { return eddy::BroadcastReceiver<int>(receiver).is_closed(); }),
            {"BroadcastReceiver::close", [&] { receiver.close(); }},
            off_loop_await("BroadcastReceiver::receive", [&] { return receiver.receive(); }),
            off_loop_await("BroadcastReceiver::next", [&] { return receiver.next(); }),
            OffLoopCall("Watch::value", [&] { return watch.value(); }),
            OffLoopCall("Watch::statistics", [&] { return watch.statistics(); }),
            OffLoopCall("Watch::subscribe", [&] { return watch.subscribe().is_closed(); }),
            {"Watch::set", [&] { watch.set(2); }},
            {"Watch::close", [&] { watch.close(); }},
            OffLoopCall("WatchReceiver::statistics", [&] { return watcher.statistics(); }),
            OffLoopCall("WatchReceiver::value", [&] { return watcher.value(); }),
            OffLoopCall("WatchReceiver::has_changed", [&] { return watcher.has_changed(); }),
            OffLoopCall("a copy of a WatchReceiver",
                        [&] { return eddy::WatchReceiver<int>(watcher).is_closed(); }),
            {"WatchReceiver::close", [&] { watcher.close(); }},
            off_loop_await("WatchReceiver::changed", [&] { return watcher.changed(); }),
            off_loop_await("WatchReceiver::next", [&] { return watcher.next(); }),
        },
        [&] {
            return std::to_string(receiver.behind()) + " " + std::to_string(watch.value()) + " " +
                   std::to_string(watch.statistics().receivers) + " " +
                   std::to_string(broadcast.statistics().receivers);
        });
    check_anywhere({
        {"BroadcastReceiver::is_closed",
         "changes through this handle only",
         [&] { CHECK_FALSE(receiver.is_closed()); }},
        {"WatchReceiver::is_closed",
         "changes through this handle only",
         [&] { CHECK_FALSE(watcher.is_closed()); }},
    });
    co_await eddy::checkpoint();
}

EDDY_TEST_CASE("the remote twins are doors for threads, and shut in a forked child") {
    eddy::Counter counter;
    eddy::Event event;
    const eddy::RemoteCounter adds = counter.remote();
    const eddy::RemoteEvent sets = event.remote();
    on_another_thread([&] {
        CHECK(adds.add(2));
        CHECK_FALSE(adds.closed());
        CHECK_FALSE(sets.closed());
    });
    const ChildResult child = run_in_child([&] {
        return adds.add(40) ? 1 : !adds.closed() ? 2 : sets.set() ? 3 : !sets.closed() ? 4 : 0;
    });
    CHECK(child.exit_code == 0);
    co_await settle();
    CHECK(counter.value() == 2);
    CHECK_FALSE(event.is_set());
    on_another_thread([&] { CHECK(sets.set()); });
    co_await event.wait();
}

// --- the ends ----------------------------------------------------------------------------------

EDDY_ABORT_TEST_CASE("a Sender that ends on another thread says what to do, also a closed one",
                     "destroy it there, or use open_remote_channel") {
    auto [sender, receiver] = eddy::open_channel<int>(1);
    sender.close();
    auto moved = std::make_unique<eddy::Sender<int>>(std::move(sender));
    co_await eddy::checkpoint();
    on_another_thread([&] { moved.reset(); });
}

EDDY_ABORT_TEST_CASE("so does a Future", "a Future ended on another thread") {
    eddy::Promise<int> promise;
    auto future = std::make_unique<eddy::Future<int>>(promise.future());
    co_await eddy::checkpoint();
    on_another_thread([&] { future.reset(); });
}
