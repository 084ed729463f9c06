// SPDX-License-Identifier: MIT
// Whether a put or a send refers to the caller's item or has its own.

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/channel.hpp>
#include <eddy/error.hpp>
#include <eddy/priority_queue.hpp>
#include <eddy/queue.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::Queue;
using eddy::Task;
using eddy::testing::settle;

struct Point {
    int x = 0;
    int y = 0;
};

/// Trivial, but not to be copied: only moved.
struct Token {
    explicit Token(int n) : number(n) {}
    Token(const Token&) = delete;
    Token(Token&&) = default;
    Token& operator=(const Token&) = delete;
    Token& operator=(Token&&) = default;
    int number;
};

template <class T>
constexpr bool put_refers =
    std::is_same_v<decltype(std::declval<Queue<T>&>().put(std::declval<T&&>())),
                   typename Queue<T>::Put>;
template <class T>
constexpr bool send_refers =
    std::is_same_v<decltype(std::declval<eddy::Sender<T>&>().send(std::declval<T&&>())),
                   typename eddy::Sender<T>::Send>;

/// Where a temporary of the caller was is overwritten.
[[gnu::noinline]] int overwrite_stack() {
    volatile int used[256] = {};
    for (volatile int& each : used) {
        each = -1;
    }
    return used[255];
}

}  // namespace

TEST_CASE("a wait refers to the item it is to move from, and copies what is trivial to copy") {
    CHECK_FALSE(put_refers<int>);
    CHECK_FALSE(put_refers<Point>);
    CHECK(put_refers<std::string>);
    CHECK(put_refers<std::unique_ptr<int>>);
    CHECK(put_refers<Token>);
    CHECK_FALSE(send_refers<int>);
    CHECK_FALSE(send_refers<Point>);
    CHECK(send_refers<std::string>);
    CHECK(send_refers<std::unique_ptr<int>>);
    CHECK(send_refers<Token>);
}

EDDY_TEST_CASE("a put of a trivial temporary may be kept and awaited later") {
    Queue<Point> queue(1);
    auto first = queue.put(Point{1, 2});
    auto second = queue.put({3, 4});
    CHECK(overwrite_stack() == -1);
    co_await first;
    auto job = eddy::spawn([](Queue<Point>& from) -> Task<Point> { co_return co_await from.get(); },
                           std::ref(queue));
    co_await second;  // it had to wait
    const Point one = co_await job;
    CHECK(one.x == 1);
    CHECK(one.y == 2);
    const Point two = co_await queue.get();
    CHECK(two.x == 3);
    CHECK(two.y == 4);
}

EDDY_TEST_CASE("a send of a trivial temporary may be kept and awaited later") {
    auto [sender, receiver] = eddy::open_channel<int>(1);
    auto first = sender.send(1);
    auto second = sender.send(2);
    CHECK(overwrite_stack() == -1);
    co_await first;
    auto job = eddy::spawn(
        [](eddy::Receiver<int> from) -> Task<int> { co_return co_await from.receive(); }, receiver);
    co_await second;
    const int one = co_await job;
    const int two = co_await receiver.receive();
    CHECK(one == 1);
    CHECK(two == 2);
}

EDDY_TEST_CASE("what is moved from stays with the caller when the put is cancelled") {
    Queue<std::string> queue(1);
    co_await queue.put("in the way");
    std::string text = "a text that is too long for a small string";
    const bool in = co_await eddy::move_on_after(1s, queue.put(std::move(text)));
    CHECK_FALSE(in);
    CHECK(text == "a text that is too long for a small string");  // NOLINT(bugprone-use-after-move)

    eddy::PriorityQueue<std::unique_ptr<int>> orders(1);
    auto order = std::make_unique<int>(7);
    auto put = orders.put(std::move(order));  // it refers to what has a name
    co_await put;
    CHECK(order == nullptr);  // NOLINT(bugprone-use-after-move)
}

EDDY_TEST_CASE("waits on queues stand in wrappers and selects within their expression") {
    Queue<int> queue(1);
    auto [sender, receiver] = eddy::open_channel<std::string>(1);

    const auto none = co_await eddy::move_on_after(1s, queue.get());
    CHECK_FALSE(none);
    const bool in = co_await eddy::move_on_after(1s, queue.put(3));
    CHECK(in);
    const int got = co_await eddy::fail_after(1s, eddy::shield(queue.get()));
    CHECK(got == 3);
    const auto chosen = co_await eddy::fail_after(
        1s, eddy::select(queue.get(), sender.send("an item"), eddy::sleep_for(1h)));
    CHECK(chosen.index() == 1);
    const auto item = co_await eddy::fail_after(1s, receiver.next());
    CHECK(item == "an item");
}
