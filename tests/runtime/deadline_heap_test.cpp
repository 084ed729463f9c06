// SPDX-License-Identifier: MIT
#include <eddy/detail/deadline_heap.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "heap_hooks.hpp"

using namespace std::chrono_literals;
using eddy::TimePoint;
using eddy::detail::DeadlineHeap;
using eddy::detail::DeadlineNode;

namespace {

class Node final : public DeadlineNode {
public:
    Node(int node_name, std::vector<int>& fired, Rank rank = Rank::wait)
        : DeadlineNode(rank), name(node_name), fired_(fired) {}
    int name;
    std::function<void()> on_due;

private:
    void due() noexcept override {
        fired_.push_back(name);
        if (on_due) {
            on_due();
        }
    }
    std::vector<int>& fired_;
};

TimePoint at(int seconds) { return TimePoint(std::chrono::seconds(seconds)); }

void fire_all(DeadlineHeap& heap) {
    while (!heap.empty()) {
        heap.fire_due(eddy::never);
    }
}

}  // namespace

TEST_CASE("deadlines fire when due, earliest first, equal ones in order of registration") {
    std::vector<int> fired;
    DeadlineHeap heap;
    CHECK(heap.next() == eddy::never);
    Node a(1, fired);
    Node b(2, fired);
    Node c(3, fired);
    Node d(4, fired);
    heap.insert(a, at(2));
    heap.insert(b, at(1));
    heap.insert(c, at(2));
    heap.insert(d, at(3));
    CHECK(heap.next() == at(1));
    heap.fire_due(at(1) - 1ns);
    CHECK(fired.empty());
    heap.fire_due(at(2));
    CHECK(fired == std::vector<int>{2, 1, 3});
    CHECK_FALSE(a.armed());
    CHECK(d.armed());
    heap.remove(d);
    heap.remove(d);
    CHECK(heap.empty());
}

TEST_CASE("of equal deadlines waits fire before scopes, and the grace last, whoever came first") {
    using Rank = DeadlineNode::Rank;
    const Rank ranks[] = {Rank::wait, Rank::scope, Rank::grace};
    for (int first_when = 0; first_when < 3; ++first_when) {  // the others in the line, or the heap
        std::vector<int> order = {0, 1, 2, 3, 4, 5};
        do {
            std::vector<int> fired;
            DeadlineHeap heap;
            Node early(-1, fired, Rank::grace);
            heap.insert(early, at(first_when));
            std::vector<std::unique_ptr<Node>> nodes;
            for (const int name : order) {
                nodes.push_back(
                    std::make_unique<Node>(name, fired, ranks[static_cast<std::size_t>(name / 2)]));
                heap.insert(*nodes.back(), at(name == 5 ? 2 : 1));
            }
            for (const auto& node : nodes) {
                heap.move(*node, at(1));
            }
            while (!heap.empty()) {
                heap.fire_due(eddy::never, 1);
            }
            std::erase(fired, -1);
            // Within a rank by registration.
            std::vector<int> expected;
            for (int rank = 0; rank < 3; ++rank) {
                std::copy_if(
                    order.begin(), order.end(), std::back_inserter(expected), [rank](int name) {
                        return name / 2 == rank;
                    });
            }
            REQUIRE(fired == expected);
        } while (std::next_permutation(order.begin(), order.end()));
    }
}

TEST_CASE("what a deadline inserts waits for the next round, though it be due") {
    std::vector<int> fired;
    DeadlineHeap heap;
    Node first(1, fired);
    Node second(2, fired);
    Node third(3, fired);
    first.on_due = [&] {
        heap.insert(first, at(0));
        heap.remove(third);
    };
    heap.insert(first, at(1));
    heap.insert(second, at(2));
    heap.insert(third, at(2));
    heap.fire_due(at(5));
    CHECK(fired.front() == 1);
    CHECK(std::count(fired.begin(), fired.end(), 1) == 1);
    CHECK(std::count(fired.begin(), fired.end(), 3) == 0);
    CHECK(first.armed());
    first.on_due = nullptr;
    heap.fire_due(at(5));
    CHECK(std::count(fired.begin(), fired.end(), 2) == 1);
    CHECK(heap.empty());
}

TEST_CASE("inserting and removing at random keeps the order") {
    std::mt19937 random(1);
    std::vector<int> fired;
    DeadlineHeap heap;
    std::vector<std::unique_ptr<Node>> nodes;
    std::vector<std::pair<int, int>> expected;  // when, name; in order of registration
    for (int name = 0; name < 5'000; ++name) {
        nodes.push_back(std::make_unique<Node>(name, fired));
        const int when = static_cast<int>(random() % 500);
        heap.insert(*nodes.back(), at(when));
        expected.emplace_back(when, name);
        if (random() % 3 == 0) {
            const std::size_t victim = random() % expected.size();
            heap.remove(*nodes[static_cast<std::size_t>(expected[victim].second)]);
            expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(victim));
        }
        REQUIRE(heap.size() == expected.size());
    }
    std::sort(expected.begin(), expected.end());
    heap.fire_due(at(1'000));
    REQUIRE(fired.size() == expected.size());
    bool same = true;
    for (std::size_t i = 0; i < fired.size(); ++i) {
        same = same && fired[i] == expected[i].second;
    }
    CHECK(same);
    CHECK(heap.empty());
}

TEST_CASE("equal deadlines keep their order, whether they came in order of time or not") {
    std::vector<int> fired;
    DeadlineHeap heap;
    Node late(9, fired);
    Node a(1, fired);
    Node b(2, fired);
    Node c(3, fired);
    heap.insert(late, at(10));
    heap.insert(a, at(5));  // before the last one
    CHECK(heap.next() == at(5));
    CHECK(heap.second() == at(10));
    heap.remove(late);
    heap.insert(b, at(5));  // as if there had never been another
    CHECK(heap.second() == at(5));
    heap.insert(late, at(10));
    heap.insert(c, at(5));
    CHECK(heap.size() == 4);
    heap.fire_due(at(10));
    CHECK(fired == std::vector<int>{1, 2, 3, 9});
}

TEST_CASE("the second deadline is found behind some that were taken back") {
    std::vector<int> fired;
    DeadlineHeap heap;
    std::vector<std::unique_ptr<Node>> nodes;
    for (int name = 0; name < 5; ++name) {
        nodes.push_back(std::make_unique<Node>(name, fired));
        heap.insert(*nodes.back(), at(name));
    }
    CHECK(heap.second() == at(1));
    heap.remove(*nodes[1]);
    heap.remove(*nodes[2]);
    CHECK(heap.second() == at(3));
    heap.remove(*nodes[0]);
    CHECK(heap.next() == at(3));
    CHECK(heap.second() == at(4));
    heap.remove(*nodes[3]);
    CHECK(heap.second() == eddy::never);
    fire_all(heap);
}

TEST_CASE("an earlier deadline than before is told, by whatever way it comes") {
    std::vector<int> fired;
    DeadlineHeap heap;
    int told = 0;
    heap.notify([](void* count) noexcept { ++*static_cast<int*>(count); }, &told);
    Node a(1, fired);
    Node b(2, fired);
    Node c(3, fired);
    heap.insert(a, at(10));
    CHECK(told == 1);
    heap.insert(b, at(20));
    CHECK(told == 1);
    heap.insert(c, at(15));
    CHECK(told == 1);
    heap.move(c, at(9));
    CHECK(told == 2);
    heap.move(b, at(8));
    CHECK(told == 3);
    heap.move(a, at(30));
    CHECK(told == 3);
    fire_all(heap);
}

TEST_CASE("a deadline that fires may take back others that are due with it") {
    std::vector<int> fired;
    DeadlineHeap heap;
    std::vector<std::unique_ptr<Node>> nodes;
    for (int name = 0; name < 200; ++name) {
        nodes.push_back(std::make_unique<Node>(name, fired));
        heap.insert(*nodes.back(), at(name < 100 ? 1 : name % 3));
    }
    nodes[0]->on_due = [&] {
        for (std::size_t i = 1; i < nodes.size(); ++i) {
            if (i % 10 != 0) {
                heap.remove(*nodes[i]);
            }
        }
    };
    heap.fire_due(at(1) - 1ns);
    fired.clear();
    heap.fire_due(at(2));
    REQUIRE(fired.size() >= 10);
    for (int i = 0; i < 10; ++i) {
        CHECK(fired[static_cast<std::size_t>(i)] == i * 10);
    }
    CHECK(heap.empty());
}

TEST_CASE("deadlines that are taken back leave no memory behind") {
    std::mt19937 random(1);  // some stay for long, with thousands of gaps behind them
    std::vector<int> fired;
    DeadlineHeap heap;
    std::vector<std::unique_ptr<Node>> nodes;
    for (int i = 0; i < 1'000'000; ++i) {
        if (nodes.size() < 1'000) {
            nodes.push_back(std::make_unique<Node>(i, fired));
        }
        Node& node = *nodes[random() % nodes.size()];
        if (i % 3 == 0) {
            heap.move(node, at(i));
        } else {
            heap.remove(node);
            heap.insert(node, at(i));
        }
    }
    CHECK(heap.capacity() <= 3'000);
    fire_all(heap);
}

TEST_CASE("the memory for a crowd is given back when the crowd is gone") {
    std::vector<int> fired;
    DeadlineHeap heap;
    std::vector<std::unique_ptr<Node>> nodes;
    for (int name = 0; name < 100'000; ++name) {
        nodes.push_back(std::make_unique<Node>(name, fired));
        heap.insert(*nodes.back(), at(1));
    }
    fire_all(heap);
    CHECK(heap.capacity() >= 100'000);
    for (int i = 0; i < 500'000; ++i) {
        heap.insert(*nodes[static_cast<std::size_t>(i % 10)], at(i));
        if (i % 10 == 9) {
            fire_all(heap);
        }
    }
    CHECK(heap.capacity() <= 1'000);
}

#if EDDY_HEAP_HOOKS

TEST_CASE("without memory for fewer the heap keeps what it has, and its deadlines") {
    std::vector<int> fired;
    DeadlineHeap heap;
    std::vector<std::unique_ptr<Node>> crowd;
    for (int i = 0; i < 20'000; ++i) {
        crowd.push_back(std::make_unique<Node>(2, fired));
        heap.insert(*crowd.back(), at(20'000 - i));  // the later the earlier: into the heap
    }
    Node last(1, fired);
    heap.insert(last, at(1'000'000));
    fired.reserve(crowd.size() + 1);
    const std::size_t capacity = heap.capacity();
    {
        eddy::testing::FailAllocation none(0, eddy::testing::FailAllocation::Mode::and_after);
        while (heap.next() != at(1'000'000)) {
            heap.fire_due(at(999'999));
        }
        CHECK(none.stop());
    }
    CHECK(heap.capacity() == capacity);
    fire_all(heap);
    CHECK(fired.size() == crowd.size() + 1);
    CHECK(fired.back() == 1);
}

#endif
