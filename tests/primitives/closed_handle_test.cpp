// SPDX-License-Identifier: MIT
// An operation belongs to the handle it was made through: closed in between, it says so when it is
// awaited. (Trial C5.) And what becomes of a value that is sent to who has stopped waiting. (C6.)
#include <chrono>
#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/broadcast.hpp>
#include <eddy/channel.hpp>
#include <eddy/error.hpp>
#include <eddy/oneshot.hpp>
#include <eddy/queue.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/watch.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::open_channel;
using eddy::Task;
using eddy::testing::settle;

template <class Op>
Task<> ends(Op& operation,
            std::string_view expected,
            std::source_location where = std::source_location::current()) {
    std::string text = "done";
    try {
        if constexpr (std::is_void_v<decltype(operation.take())>) {
            co_await operation;
        } else {
            static_cast<void>(co_await operation);
        }
    } catch (const eddy::ClosedResource&) {
        text = "closed";
    } catch (const eddy::BrokenResource&) {
        text = "broken";
    } catch (const eddy::EndOfStream&) {
        text = "end";
    } catch (const eddy::InvalidState&) {
        text = "invalid state";
    }
    CHECK_MESSAGE(text == expected, "line " << where.line());
}

}  // namespace

EDDY_TEST_CASE("a receive through a handle that was closed meanwhile is ClosedResource") {
    auto [sender, receiver] = open_channel<int>(2);
    auto copy = receiver;
    auto receive = receiver.receive();
    auto next = receiver.next();
    auto through_copy = copy.receive();
    CHECK(sender.try_send(1));
    receiver.close();
    co_await ends(receive, "closed");
    co_await ends(next, "closed");
    CHECK(sender.statistics().buffered == 1);  // neither has taken it
    co_await ends(through_copy, "done");
    copy.close();
    co_await ends(through_copy, "closed");
}

EDDY_TEST_CASE("a send through a handle that was closed meanwhile sends nothing") {
    auto [sender, receiver] = open_channel<int>(2);
    auto copy = sender;
    const int item = 1;
    int moved = 2;
    auto send = sender.send(item);
    auto send_moved = sender.send(std::move(moved));
    auto reserve = sender.reserve();
    auto through_copy = copy.send(item);
    sender.close();
    co_await ends(send, "closed");
    co_await ends(send_moved, "closed");
    co_await ends(reserve, "closed");
    CHECK(receiver.statistics().buffered == 0);
    co_await ends(through_copy, "done");
    auto again = copy.send(item);
    auto handle = std::move(copy);  // the same handle in another place
    co_await ends(again, "done");
    handle.close();
    co_await ends(again, "closed");
    CHECK(receiver.statistics().buffered == 2);
}

EDDY_TEST_CASE("a handle that ended, or was assigned over, counts as closed") {
    auto [sender, receiver] = open_channel<int>(2);
    const int item = 1;
    std::optional<eddy::Sender<int>> copy(sender);
    auto send = copy->send(item);
    copy.reset();
    co_await ends(send, "closed");
    copy.emplace(sender);
    auto second = copy->send(item);
    *copy = sender;
    co_await ends(second, "closed");
    CHECK(receiver.statistics().senders == 2);
    CHECK(receiver.statistics().buffered == 0);
}

EDDY_TEST_CASE("many handles closed in any order: each knows its own") {
    auto [sender, receiver] = open_channel<int>(100);
    std::vector<eddy::Sender<int>> copies(20, sender);
    for (std::size_t i = 0; i < copies.size(); i += 3) {
        copies[i].close();
    }
    const int item = 1;
    std::size_t sent = 0;
    for (std::size_t i = 0; i < copies.size(); ++i) {
        bool refused = false;
        try {
            auto send = copies[i].send(item);
            co_await send;
            ++sent;
        } catch (const eddy::ClosedResource&) {
            refused = true;
        }
        CHECK(refused == (i % 3 == 0));
    }
    CHECK(receiver.statistics().buffered == sent);
    CHECK(receiver.statistics().senders == 14);
}

EDDY_TEST_CASE("waits on feeds and oneshots through a handle that was closed meanwhile") {
    eddy::Broadcast<int> broadcast(2);
    auto hears = broadcast.subscribe();
    auto item = hears.receive();
    hears.close();
    co_await ends(item, "closed");
    eddy::Watch<int> watch(0);
    auto sees = watch.subscribe();
    auto changed = sees.changed();
    auto next = sees.next();
    watch.set(1);
    sees.close();
    co_await ends(changed, "closed");
    co_await ends(next, "closed");
    eddy::Oneshot<int> once;
    auto receive = once.receiver.receive();
    once.receiver.close();
    co_await ends(receive, "closed");
    eddy::Queue<int> queue(1);
    const int one = 1;
    auto put = queue.put(one);
    auto get = queue.get();
    queue.shutdown();
    co_await ends(put, "closed");
    co_await ends(get, "end");
}

EDDY_TEST_CASE("an operation that has given its item away says so; plain values go again") {
    eddy::Queue<std::string> texts(4);
    const std::string text = "a text that is too long to be kept without a place of its own";
    auto put = texts.put(text);
    co_await put;
    co_await ends(put, "invalid state");
    CHECK(texts.size() == 1);
    CHECK(texts.try_get() == text);
    auto [sender, receiver] = open_channel<std::string>(4);
    auto send = sender.send(text);
    co_await send;
    co_await ends(send, "invalid state");
    CHECK(receiver.try_receive() == text);
    eddy::Queue<int> numbers(4);
    auto seven = numbers.put(7);
    co_await seven;
    co_await seven;
    CHECK(numbers.size() == 2);
    // One that was not put is kept.
    eddy::Queue<std::string> full(1);
    CHECK(full.try_put(text));
    auto waits = full.put(text);
    const auto lost = co_await eddy::select(waits, eddy::sleep_for(1ms));
    CHECK(lost.index() == 1);
    CHECK(full.try_get() == text);
    co_await waits;
    CHECK(full.try_get() == text);
    // One that is given to move from says what the variable holds then.
    std::string variable = "first";
    auto moves = texts.put(std::move(variable));
    co_await moves;
    variable = "second";
    co_await moves;
    CHECK(texts.try_get() == "first");
    CHECK(texts.try_get() == "second");
}

EDDY_TEST_CASE(
    "a oneshot's receiver that has left its wait can still look, and then nothing is lost") {
    eddy::Oneshot<int> once;
    std::size_t chosen = 9;
    std::optional<int> late;
    auto waiter = eddy::spawn([&]() -> Task<> {
        const auto got = co_await eddy::select(once.receiver.receive(), eddy::sleep_for(1ms));
        chosen = got.index();
        once.receiver.close();  // from here on a send gives its value back
        late = once.receiver.try_receive();
    });
    // Between the moment that wins the select and the job that hears of it.
    std::optional<int> back = 0;
    auto sender = eddy::spawn([&]() -> Task<> {
        co_await eddy::sleep_for(1ms);
        back = once.sender.send(7);
    });
    co_await waiter;
    co_await sender;
    CHECK(chosen == 1);
    CHECK(late.has_value() != back.has_value());  // one of the two has it
    CHECK((late ? *late : *back) == 7);
}
