// SPDX-License-Identifier: MIT
#include <eddy/priority_queue.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

#include "exchange_kit.hpp"

namespace {

using eddy::PriorityQueue;
using eddy::Task;
using eddy::testing::settle;
using eddy::testing::Tracked;

using Numbers = std::vector<int>;

/// A rank, and which one of its rank it is.
using Ranked = std::pair<int, int>;
struct ByRank {
    bool operator()(const Ranked& a, const Ranked& b) const noexcept { return a.first < b.first; }
};
struct Greatest {
    bool operator()(int a, int b) const noexcept { return a > b; }
};

Task<> gets(PriorityQueue<int>& queue, Numbers& got) {
    const int item = co_await queue.get();
    got.push_back(item);
}

Task<> puts(PriorityQueue<int>& queue, int number) { co_await queue.put(int(number)); }

}  // namespace

EDDY_TEST_CASE("the smallest item comes out first, or what the order says") {
    PriorityQueue<int> queue(3);
    PriorityQueue<int, Greatest> reversed(3);
    for (const int i : {2, 3, 1}) {
        co_await queue.put(int(i));
        co_await reversed.put(int(i));
    }
    CHECK_FALSE(queue.try_put(0));
    for (const int i : {1, 2, 3}) {
        const int smallest = co_await queue.get();
        const int greatest = co_await reversed.get();
        CHECK(smallest == i);
        CHECK(greatest == 4 - i);
    }
}

TEST_CASE("equals come out in the order they went in, a thousand random ones too") {
    std::mt19937 random(17);
    PriorityQueue<Ranked, ByRank> queue(eddy::unbounded);
    std::vector<Ranked> model;
    for (int i = 0; i < 3000; ++i) {
        if (i < 1500 ? random() % 3 != 0 : random() % 3 == 0) {
            const Ranked item(static_cast<int>(random() % 8), i);
            CHECK(queue.try_put(item));
            model.insert(std::upper_bound(model.begin(), model.end(), item, ByRank()), item);
        } else if (const std::optional<Ranked> item = queue.try_get()) {
            REQUIRE(*item == model.front());
            model.erase(model.begin());
        }
    }
    for (const Ranked& expected : model) {
        REQUIRE(queue.try_get() == expected);
    }
    CHECK(queue.empty());
}

EDDY_TEST_CASE("a put that has waited takes its place by priority, not by its wait") {
    PriorityQueue<int> queue(2);
    co_await queue.put(5);
    co_await queue.put(6);
    eddy::spawn(puts(queue, 7)).detach();
    co_await settle();
    eddy::spawn(puts(queue, 1)).detach();
    co_await settle();
    CHECK(queue.try_get() == 5);  // lets 7 in
    CHECK(queue.try_get() == 6);  // lets 1 in
    CHECK(queue.try_get() == 1);
    CHECK(queue.try_get() == 7);
}

EDDY_TEST_CASE("an item that finds a job waiting goes to it, whatever its priority") {
    PriorityQueue<int> queue(2);
    Numbers got;
    eddy::spawn(gets(queue, got)).detach();
    co_await settle();
    CHECK(queue.try_put(9));
    CHECK(queue.try_put(1));
    co_await settle();
    CHECK(got == Numbers{9});
    CHECK(queue.try_get() == 1);
}

TEST_CASE("items that can only be moved are sorted, and all of them end") {
    {
        PriorityQueue<Tracked> queue(eddy::unbounded);
        for (const int i : {4, 1, 3, 2, 0, 5}) {
            CHECK(queue.try_put(Tracked(i)));
        }
        for (int i = 0; i < 3; ++i) {
            const auto item = queue.try_get();
            REQUIRE(item);
            CHECK(item->number() == i);
        }
        CHECK(Tracked::alive() == 3);
    }
    CHECK(Tracked::alive() == 0);
}

EDDY_TEST_CASE("a priority queue says its own name") {
    PriorityQueue<int> queue(1);
    queue.shutdown(eddy::Shutdown::immediate);
    std::string put;
    try {
        co_await queue.put(1);
    } catch (const eddy::ClosedResource& error) {
        put = error.what();
    }
    CHECK(put.find("PriorityQueue::put") == 0);
}
