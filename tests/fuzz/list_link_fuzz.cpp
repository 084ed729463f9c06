// SPDX-License-Identifier: MIT
// Intrusive rings against lists of numbers.
//
// Laws, after each step, of every ring, forwards and backwards:
// - it holds the nodes of its list in the list's order, and no others;
// - a node is linked exactly when it is in a ring; who is unlinked twice is unlinked;
// - a ring that is taken is empty afterwards, and whoever takes it has all of it, in order;
// - a walk that unlinks any node, its own or the one it would come to next, sees each of those that
//   are left once.
//
// Mistakes: front_for_back
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <list>

#include <eddy/detail/list_link.hpp>

#include "fuzz.hpp"

using eddy::detail::ListLink;
using eddy::fuzz::Bytes;

namespace {

constexpr std::size_t node_count = 12;
constexpr std::size_t ring_count = 3;
constexpr std::size_t nowhere = ring_count;

class Model final {
public:
    explicit Model(Bytes& input) noexcept : input_(input) { where_.fill(nowhere); }

    void step() {
        const std::size_t ring = input_.pick_index(ring_count);
        const std::size_t node = input_.pick_index(node_count);
        switch (input_.take_u8() % 8) {
            case 0:
            case 1:
                unlink(node);
                nodes_[node].insert_before(rings_[ring]);
                expected_[ring].push_back(node);
                where_[node] = ring;
                break;
            case 2:
                unlink(node);
                nodes_[node].insert_before(
                    eddy::fuzz::planted("front_for_back") ? rings_[ring] : *rings_[ring].next);
                expected_[ring].push_front(node);
                where_[node] = ring;
                break;
            case 3:
                insert_beside(node, input_.pick_index(node_count));
                break;
            case 4:
                unlink(node);
                break;
            case 5:
                if (!rings_[ring].linked()) {
                    take(ring, input_.pick_index(ring_count));
                }
                break;
            case 6:
                if (!expected_[ring].empty()) {
                    FUZZ_REQUIRE(rings_[ring].next == &nodes_[expected_[ring].front()]);
                    unlink(expected_[ring].front());
                }
                break;
            default:
                pop_all(ring);
        }
        compare();
    }

private:
    void unlink(std::size_t node) {
        nodes_[node].unlink_self();
        if (where_[node] != nowhere) {
            expected_[where_[node]].remove(node);
            where_[node] = nowhere;
        }
        FUZZ_REQUIRE(!nodes_[node].linked());
        FUZZ_REQUIRE(nodes_[node].prev == &nodes_[node]);
    }

    /// In front of a node that is in a ring.
    void insert_beside(std::size_t node, std::size_t place) {
        if (node == place || where_[place] == nowhere) {
            return;
        }
        unlink(node);
        nodes_[node].insert_before(nodes_[place]);
        std::list<std::size_t>& list = expected_[where_[place]];
        list.insert(std::find(list.begin(), list.end(), place), node);
        where_[node] = where_[place];
    }

    void take(std::size_t ring, std::size_t other) {
        if (ring == other) {
            return;
        }
        rings_[ring].take(rings_[other]);
        expected_[ring].swap(expected_[other]);
        for (const std::size_t node : expected_[ring]) {
            where_[node] = ring;
        }
        FUZZ_REQUIRE(!rings_[other].linked());
    }

    /// As a waker does: each is unlinked and told, and what it is told may unlink others.
    void pop_all(std::size_t ring) {
        while (rings_[ring].linked()) {
            ListLink& first = *rings_[ring].next;
            const auto node = static_cast<std::size_t>(&first - nodes_.data());
            FUZZ_REQUIRE(node < node_count && node == expected_[ring].front());
            unlink(node);
            if (input_.flag()) {
                unlink(input_.pick_index(node_count));
            }
            compare();
        }
        FUZZ_REQUIRE(expected_[ring].empty());
    }

    void compare() const {
        for (std::size_t i = 0; i < ring_count; ++i) {
            FUZZ_REQUIRE(rings_[i].linked() == !expected_[i].empty());
            const ListLink* link = &rings_[i];
            for (const std::size_t node : expected_[i]) {
                FUZZ_REQUIRE(link->next == &nodes_[node]);
                FUZZ_REQUIRE(link->next->prev == link);
                link = link->next;
            }
            FUZZ_REQUIRE(link->next == &rings_[i]);
            FUZZ_REQUIRE(rings_[i].prev == link);
        }
        for (std::size_t i = 0; i < node_count; ++i) {
            FUZZ_REQUIRE(nodes_[i].linked() == (where_[i] != nowhere));
        }
    }

    Bytes& input_;
    std::array<ListLink, ring_count> rings_;
    std::array<ListLink, node_count> nodes_;
    std::array<std::size_t, node_count> where_{};
    std::array<std::list<std::size_t>, ring_count> expected_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    Model model(input);
    while (!input.empty()) {
        model.step();
    }
    return 0;
}
