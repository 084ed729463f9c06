// SPDX-License-Identifier: MIT
// The deadlines of a loop against a plain map of them.
//
// Laws, after each step:
// - it holds what was armed and neither removed nor fired: `size`, `empty`, `armed`;
// - `next` is the earliest deadline, `second` none that is earlier than the one after it;
// - what is due is fired in order of deadline, rank and registration, once, as many as were asked
//   for; what a call arms waits for the next round, whatever else it moves or removes;
// - whoever waits is told when `next` becomes earlier.
//
// Mistakes: rank_ignored late_removal
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>

#include <eddy/detail/deadline_heap.hpp>

#include "fuzz.hpp"

using eddy::TimePoint;
using eddy::detail::DeadlineHeap;
using eddy::detail::DeadlineNode;
using eddy::fuzz::Bytes;

namespace {

constexpr std::size_t node_count = 192;

class Model final {
public:
    explicit Model(Bytes& input) : input_(input) {
        for (std::size_t i = 0; i < node_count; ++i) {
            constexpr DeadlineNode::Rank ranks[] = {
                DeadlineNode::Rank::wait, DeadlineNode::Rank::scope, DeadlineNode::Rank::grace};
            nodes_[i].emplace(*this, ranks[i % 8 < 5 ? 0 : i % 8 - 5]);
        }
        heap_.notify([](void* self) noexcept { static_cast<Model*>(self)->told_ = true; }, this);
    }
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;
    ~Model() {
        for (auto& node : nodes_) {
            heap_.remove(*node);
        }
        FUZZ_REQUIRE(heap_.empty());
    }

    void step() {
        const std::uint8_t what = input_.take_u8();
        switch (what % 8) {
            case 0:
            case 1:
            case 2:
                arm(any(), deadline());
                break;
            case 3:
                disarm(any());
                break;
            case 4:
            case 5:
                fire(what / 8U);
                break;
            default:
                crowd(what / 8U);
        }
        compare();
    }

private:
    class Node final : public DeadlineNode {
    public:
        Node(Model& model, Rank rank)
            : DeadlineNode(rank), rank_number(static_cast<int>(rank)), model_(model) {}
        const int rank_number;
        std::tuple<TimePoint, int, std::uint64_t> key{};

    private:
        void due() noexcept override { model_.fired(*this); }
        Model& model_;
    };

    [[nodiscard]] Node& any() { return *nodes_[input_.pick_index(node_count)]; }

    /// Near ones are often equal; a few are at the ends of time.
    [[nodiscard]] TimePoint deadline() {
        const std::uint8_t byte = input_.take_u8();
        if (byte >= 252) {
            constexpr TimePoint ends[] = {TimePoint::min(),
                                          eddy::never,
                                          eddy::never - std::chrono::nanoseconds(1),
                                          TimePoint{}};
            return ends[byte - 252];
        }
        if (byte >= 240) {
            return latest_ += std::chrono::nanoseconds(byte - 240);
        }
        return eddy::after(now_, std::chrono::nanoseconds(byte / 2 - 40));
    }

    void arm(Node& node, TimePoint when) {
        const TimePoint before = heap_.next();
        told_ = false;
        if (node.armed()) {
            expected_.erase(node.key);
            heap_.move(node, when);
        } else if (input_.take_u8() % 2 == 0) {
            heap_.insert(node, when);
        } else {
            heap_.move(node, when);
        }
        node.key = {when, eddy::fuzz::planted("rank_ignored") ? 0 : node.rank_number, ++order_};
        expected_.emplace(node.key, &node);
        FUZZ_REQUIRE(heap_.next() >= before || told_);
    }

    void disarm(Node& node) {
        if (node.armed()) {
            expected_.erase(node.key);
        }
        if (eddy::fuzz::planted("late_removal") && node.armed() && ++removals_ % 64 == 0) {
            return;
        }
        heap_.remove(node);
        FUZZ_REQUIRE(!node.armed());
    }

    /// Many in a row, as timeouts come: rising, all equal, falling, or taken back.
    void crowd(unsigned how) {
        const std::size_t first = input_.pick_index(node_count);
        const std::size_t count = input_.pick_index(64);
        TimePoint when = deadline();
        for (std::size_t i = 0; i < count; ++i) {
            Node& node = *nodes_[(first + i) % node_count];
            if (how % 4 == 3) {
                disarm(node);
                continue;
            }
            arm(node, when);
            when = eddy::after(
                when, std::chrono::nanoseconds(how % 4 == 2 ? -1 : static_cast<int>(how % 4)));
        }
    }

    void fire(unsigned how) {
        const std::uint8_t byte = input_.take_u8();
        now_ = eddy::after(now_, std::chrono::nanoseconds(byte % 32));
        const std::size_t most = how % 4 == 0 ? byte / 32U : SIZE_MAX;
        last_old_ = order_;
        const std::size_t fired = heap_.fire_due(now_, most);
        FUZZ_REQUIRE(fired <= most);
        const bool more =
            !expected_.empty() && std::get<0>(first()) <= now_ && std::get<2>(first()) <= last_old_;
        FUZZ_REQUIRE(fired == most || !more);
    }

    void fired(Node& node) noexcept {
        FUZZ_REQUIRE(!node.armed());
        FUZZ_REQUIRE(!expected_.empty() && expected_.begin()->second == &node);
        FUZZ_REQUIRE(std::get<0>(node.key) <= now_);
        FUZZ_REQUIRE(std::get<2>(node.key) <= last_old_);
        expected_.erase(expected_.begin());
        const std::uint8_t then = input_.take_u8();
        if (then % 8 == 1) {
            arm(node, deadline());
        } else if (then % 8 == 2) {
            arm(any(), deadline());
        } else if (then % 8 == 3) {
            disarm(any());
        }
    }

    [[nodiscard]] const std::tuple<TimePoint, int, std::uint64_t>& first() const {
        return expected_.begin()->first;
    }

    void compare() {
        FUZZ_REQUIRE(heap_.size() == expected_.size());
        FUZZ_REQUIRE(heap_.empty() == expected_.empty());
        FUZZ_REQUIRE(heap_.next() == (expected_.empty() ? eddy::never : std::get<0>(first())));
        if (expected_.size() > 1) {
            FUZZ_REQUIRE(heap_.second() >= std::get<0>(std::next(expected_.begin())->first));
        }
        for (const auto& [key, node] : expected_) {
            FUZZ_REQUIRE(node->armed());
        }
    }

    Bytes& input_;
    TimePoint now_{std::chrono::seconds(1)};
    TimePoint latest_{std::chrono::seconds(2)};
    std::uint64_t order_ = 0;
    std::uint64_t last_old_ = 0;
    bool told_ = false;
    unsigned removals_ = 0;
    DeadlineHeap heap_;
    std::array<std::optional<Node>, node_count> nodes_;
    std::map<std::tuple<TimePoint, int, std::uint64_t>, Node*> expected_;
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
