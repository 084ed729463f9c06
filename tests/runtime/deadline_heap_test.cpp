// SPDX-License-Identifier: MIT
#include <eddy/detail/deadline_heap.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using eddy::TimePoint;
using eddy::detail::DeadlineHeap;
using eddy::detail::DeadlineNode;

namespace {

class Node final : public DeadlineNode {
public:
    Node(int node_name, std::vector<int>& fired) : name(node_name), fired_(fired) {}
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
