// SPDX-License-Identifier: MIT
#include <eddy/lifo_queue.hpp>

#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

#include "exchange_kit.hpp"

namespace {

using eddy::LifoQueue;
using eddy::Task;
using eddy::testing::settle;

using Numbers = std::vector<int>;

Task<> puts(LifoQueue<int>& queue, int number) { co_await queue.put(int(number)); }

Task<> gets(LifoQueue<int>& queue, Numbers& got) {
    const int item = co_await queue.get();
    got.push_back(item);
}

}  // namespace

EDDY_TEST_CASE("the newest item comes out first") {
    LifoQueue<int> queue(3);
    for (int i = 1; i <= 3; ++i) {
        co_await queue.put(int(i));
    }
    CHECK_FALSE(queue.try_put(4));
    CHECK(queue.try_get() == 3);
    CHECK(queue.try_put(4));
    CHECK(queue.try_get() == 4);
    CHECK(queue.try_get() == 2);
    CHECK(queue.try_get() == 1);
    CHECK_FALSE(queue.try_get());
}

EDDY_TEST_CASE(
    "a hand-off keeps the order of a stack: what is stored is older than what comes in") {
    LifoQueue<int> queue(2);
    Numbers first;
    Numbers second;
    eddy::spawn(gets(queue, first)).detach();
    co_await settle();
    eddy::spawn(gets(queue, second)).detach();
    co_await settle();
    CHECK(queue.try_put(1));  // two wait: to the first of them
    CHECK(queue.try_put(2));
    CHECK(queue.try_put(3));
    CHECK(queue.size() == 1);
    co_await settle();
    CHECK(first == Numbers{1});
    CHECK(second == Numbers{2});
    CHECK(queue.try_put(4));
    eddy::spawn(puts(queue, 5)).detach();
    co_await settle();
    CHECK(queue.try_get() == 4);  // 5 was not in; it is now
    CHECK(queue.try_get() == 5);
    CHECK(queue.try_get() == 3);
}

EDDY_TEST_CASE("a last in, first out queue says its own name") {
    LifoQueue<int> queue(1);
    queue.shutdown();
    std::string put;
    std::string get;
    try {
        co_await queue.put(1);
    } catch (const eddy::ClosedResource& error) {
        put = error.what();
    }
    try {
        co_await queue.get();
    } catch (const eddy::EndOfStream& error) {
        get = error.what();
    }
    CHECK(put.find("LifoQueue::put") == 0);
    CHECK(get.find("LifoQueue::get") == 0);
    const auto none = co_await queue.next();
    CHECK_FALSE(none);
}
