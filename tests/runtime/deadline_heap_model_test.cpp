// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/detail/deadline_heap.hpp>

#include "heap_hooks.hpp"

// The deadlines of a loop against a plain set of them, with memory and without.

using namespace std::chrono_literals;
using eddy::TimePoint;
using eddy::detail::DeadlineHeap;
using eddy::detail::DeadlineNode;
using eddy::testing::FailAllocation;

namespace {

TimePoint at(int seconds) { return TimePoint(std::chrono::seconds(seconds)); }

#if EDDY_HEAP_HOOKS
class Idle final : public DeadlineNode {
    void due() noexcept override {}
};
#endif

/// How the deadlines of a model come.
enum class Pattern { random, equal, increasing, decreasing, far_first, mixed };

constexpr Pattern patterns[] = {Pattern::random,
                                Pattern::equal,
                                Pattern::increasing,
                                Pattern::decreasing,
                                Pattern::far_first,
                                Pattern::mixed};

/// Does the same to a heap and to a set, at random, and compares them after each step.
class Model final {
public:
    Model(Pattern pattern, std::uint32_t seed) : pattern_(pattern), random_(seed) {}
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;
    ~Model() {
        for (const auto& member : members_) {
            heap.remove(*member);
        }
    }

    void step() {
        const auto dice = random_() % 16;
        Member& member = any();
        if (dice < 11) {
            arm(member, member.armed() || dice < 2);
        } else if (dice < 14) {
            disarm(member);
        } else {
            fire(random_() % 4 == 0 ? SIZE_MAX : random_() % 8);
        }
        compare();
    }

    /// Uses up the memory that there is.
    void fill() {
        starved_ = true;
        try {
            while (true) {
                arm(another(), false);
            }
        } catch (const std::bad_alloc&) {
            members_.pop_back();
        }
        starved_ = false;
    }

    /// Moves one, or fires one that arms itself again; never frees a place, never gets memory.
    void starved_step() {
        starved_ = true;
        Member& member = *members_[random_() % members_.size()];
        if (member.armed() && random_() % 2 == 0) {
            arm(member, true);
        } else {
            now_ = std::max(now_, heap.next());
            fire(1);
        }
        starved_ = false;
        compare();
    }

    void drain() {
        draining_ = true;
        now_ = at(1'000'000'000);
        while (!expected_.empty()) {
            fire(SIZE_MAX);
        }
        compare();
    }

    DeadlineHeap heap;

private:
    class Member final : public DeadlineNode {
    public:
        Member(Model& model, Rank of_rank)
            : DeadlineNode(of_rank), rank(static_cast<int>(of_rank)), model_(model) {}
        TimePoint when;
        std::uint64_t order = 0;
        const int rank;
        [[nodiscard]] std::tuple<TimePoint, int, std::uint64_t> key() const {
            return {when, rank, order};
        }

    private:
        void due() noexcept override { model_.fired(*this); }
        Model& model_;
    };
    using Key = std::tuple<std::tuple<TimePoint, int, std::uint64_t>, Member*>;

    Member& another() {
        const std::uint32_t dice = random_() % 8;
        const auto rank = static_cast<DeadlineNode::Rank>(dice < 5 ? 0 : dice < 7 ? 1 : 2);
        members_.push_back(std::make_unique<Member>(*this, rank));
        return *members_.back();
    }
    Member& any() {
        if (members_.size() < 300) {
            return another();
        }
        return *members_[random_() % members_.size()];
    }

    TimePoint deadline() {
        const Pattern pattern = pattern_ == Pattern::mixed ? patterns[random_() % 5] : pattern_;
        const auto after = [this](std::uint64_t seconds) {
            return now_ + std::chrono::seconds(seconds);
        };
        switch (pattern) {
            case Pattern::equal:
                return at(static_cast<int>(now_.time_since_epoch() / 100s + 1) * 100);
            case Pattern::increasing:
                return after(50);
            case Pattern::decreasing:
                return at(1'000'000 - static_cast<int>(next_order_));
            case Pattern::far_first:
                return next_order_ < 3 ? at(500'000'000) : after(50 + random_() % 2);
            default:
                return after(random_() % 100);
        }
    }

    void arm(Member& member, bool move) {
        if (member.armed()) {
            expected_.erase({member.key(), &member});
        }
        const TimePoint when = deadline();
        {
#if EDDY_HEAP_HOOKS
            std::optional<FailAllocation> failure;
            if (starved_) {
                failure.emplace(0, FailAllocation::Mode::and_after);
            }
#endif
            move ? heap.move(member, when) : heap.insert(member, when);
        }
        member.when = when;
        member.order = next_order_++;
        expected_.emplace(member.key(), &member);
    }

    void disarm(Member& member) {
        if (member.armed()) {
            expected_.erase({member.key(), &member});
        }
        heap.remove(member);
    }

    void fire(std::size_t most) {
        now_ += std::chrono::seconds(random_() % 10);
        const std::uint64_t first_new = next_order_;
        right_ = true;
        const std::size_t count = heap.fire_due(now_, most);
        REQUIRE(right_);
        const bool more = !expected_.empty() && next().when <= now_ && next().order < first_new;
        REQUIRE((count == most || !more));
    }

    void fired(Member& member) {
        right_ = right_ && !member.armed() && !expected_.empty() &&
                 expected_.erase({member.key(), &member}) == 1 &&
                 (expected_.empty() || member.key() < next().key());
        if (draining_) {
            return;
        }
        if (starved_ || random_() % 4 == 0) {
            arm(member, false);
        } else if (random_() % 4 == 0) {
            Member& other = *members_[random_() % members_.size()];
            random_() % 2 == 0 ? disarm(other) : arm(other, true);
        }
    }

    void compare() {
        REQUIRE(heap.size() == expected_.size());
        REQUIRE(heap.empty() == expected_.empty());
        REQUIRE(heap.next() == (expected_.empty() ? eddy::never : next().when));
        if (expected_.size() > 1) {
            REQUIRE(heap.second() >= std::get<1>(*std::next(expected_.begin()))->when);
        }
    }
    [[nodiscard]] const Member& next() const { return *std::get<1>(*expected_.begin()); }

    Pattern pattern_;
    std::mt19937 random_;
    TimePoint now_ = at(1'000);
    std::uint64_t next_order_ = 0;
    std::vector<std::unique_ptr<Member>> members_;
    std::set<Key> expected_;
    bool starved_ = false;
    bool draining_ = false;
    bool right_ = true;  // what has been fired was the next one each time
};

}  // namespace

TEST_CASE("whatever is done, in whatever pattern, the order is by deadline, rank, registration") {
    for (const Pattern pattern : patterns) {
        for (std::uint32_t seed = 1; seed <= 5; ++seed) {
            Model model(pattern, seed);
            for (int i = 0; i < 5'000; ++i) {
                model.step();
            }
            model.drain();
        }
    }
}

#if EDDY_HEAP_HOOKS

TEST_CASE("without memory, deadlines still move, and arm themselves again when they are due") {
    for (const Pattern pattern : patterns) {
        Model model(pattern, 1);
        for (int i = 0; i < 1'000; ++i) {
            model.step();
        }
        model.fill();
        for (int i = 0; i < 3'000; ++i) {
            model.starved_step();
        }
        CHECK(model.heap.size() == model.heap.capacity());
        model.drain();
    }
}

TEST_CASE("a deadline that finds no memory is bad_alloc, and nothing has changed") {
    Model model(Pattern::mixed, 2);
    for (int i = 0; i < 1'000; ++i) {
        model.step();
    }
    model.fill();
    const std::size_t size = model.heap.size();
    CHECK(size == model.heap.capacity());
    Idle one_more;
    for (const TimePoint when : {at(0), at(2'000), at(1'000'000'000)}) {
        bool refused = false;
        FailAllocation failure(0, FailAllocation::Mode::and_after);
        try {
            model.heap.insert(one_more, when);
        } catch (const std::bad_alloc&) {
            refused = true;
        }
        failure.stop();
        CHECK(refused);
        CHECK_FALSE(one_more.armed());
        CHECK(model.heap.size() == size);
    }
    model.drain();
}

#endif
