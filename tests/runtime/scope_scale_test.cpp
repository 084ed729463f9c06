// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/detail/scope_node.hpp>
#include <eddy/error.hpp>
#include <eddy/join_set.hpp>
#include <eddy/scope.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "test_kit.hpp"

// Trees of scopes that are large in one direction. Where a step for each pair of scopes were taken,
// these tests would take minutes.

namespace {

using namespace eddy::testing;
using eddy::Cancelled;
using eddy::CancelScope;
using eddy::CancelSource;
using eddy::Task;
using eddy::TaskGroup;
using eddy::detail::InnerScope;

constexpr int many = 100'000;

/// A chain of scopes, each inside the one before.
class Chain final {
public:
    explicit Chain(int length) {
        for (int i = 0; i < length; ++i) {
            nodes_.push_back(std::make_unique<InnerScope>());
            if (i != 0) {
                nodes_.back()->enter(at(i - 1), nullptr);
            }
        }
    }
    Chain(const Chain&) = delete;
    Chain& operator=(const Chain&) = delete;
    ~Chain() {
        while (!nodes_.empty()) {
            nodes_.back()->leave();
            nodes_.pop_back();
        }
    }
    [[nodiscard]] InnerScope& at(int index) { return *nodes_[static_cast<std::size_t>(index)]; }
    [[nodiscard]] std::string reason(int index) { return at(index).make_cancelled().reason(); }

private:
    std::vector<std::unique_ptr<InnerScope>> nodes_;
};

Task<int> nested_groups(int depth, int& unwound, Gate& gate) {
    if (depth == 0) {
        co_await gate.wait();
        co_return 0;
    }
    co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
        group.spawn(nested_groups(depth - 1, unwound, gate));
        try {
            co_await gate.wait();
        } catch (const Cancelled& cancelled) {
            unwound += cancelled.reason() == "from outside" ? 1 : 0;
            throw;
        }
    });
    co_return depth;
}

}  // namespace

TEST_CASE("every scope of a deep chain says who cancelled the outermost one") {
    Chain chain(many);
    chain.at(0).cancel(CancelSource::explicit_call, "outermost");
    for (int i = many - 1; i >= 0; --i) {
        if (chain.reason(i) != "outermost") {
            FAIL("at ", i);
        }
    }
    for (int i = 0; i < many; ++i) {
        if (chain.reason(i) != "outermost") {
            FAIL("at ", i);
        }
    }
}

TEST_CASE("scopes that are cancelled from the inside out: the outermost one speaks each time") {
    Chain chain(many);
    for (int i = many - 1; i >= 0; --i) {
        chain.at(i).cancel(CancelSource::explicit_call, std::to_string(i));
        if (chain.reason(many - 1) != std::to_string(i)) {
            FAIL("at ", i);
        }
    }
}

TEST_CASE("scopes that are cancelled from the outside in: the first one speaks") {
    Chain chain(many);
    for (int i = 0; i < many; ++i) {
        chain.at(i).cancel(CancelSource::explicit_call, std::to_string(i));
        if (chain.reason(many - 1) != "0") {
            FAIL("at ", i);
        }
    }
}

TEST_CASE("a shield that goes up takes the word from who is outside, and gives it back") {
    for (const int shielded : {1, 3, 5}) {
        Chain chain(8);
        chain.at(0).cancel(CancelSource::explicit_call, "outside");
        chain.at(5).cancel(CancelSource::explicit_call, "inside");
        CHECK(chain.reason(7) == "outside");
        CHECK(chain.reason(5) == "outside");
        chain.at(shielded).set_shield(true);
        CHECK(chain.at(7).effective);
        CHECK(chain.reason(7) == "inside");
        CHECK(chain.reason(6) == "inside");
        CHECK(chain.reason(5) == "inside");
        CHECK(chain.reason(shielded - 1) == "outside");
        CHECK(chain.at(4).effective == (shielded == 5));
        chain.at(shielded).set_shield(false);
        CHECK(chain.reason(7) == "outside");
        CHECK(chain.reason(5) == "outside");
    }
}

TEST_CASE("a scope that was cancelled, hidden and moved knows nothing of where it was") {
    InnerScope cancelled;
    InnerScope other;
    InnerScope branch;
    InnerScope leaf;
    cancelled.cancel(CancelSource::explicit_call, "first");
    branch.enter(cancelled, nullptr);
    leaf.enter(branch, nullptr);
    CHECK(leaf.make_cancelled().reason() == "first");
    branch.move_under(other);
    CHECK_FALSE(leaf.effective);
    other.cancel(CancelSource::explicit_call, "second");
    CHECK(leaf.make_cancelled().reason() == "second");
    leaf.leave();
    CHECK(leaf.make_cancelled().source() == CancelSource::explicit_call);
    branch.leave();
}

TEST_CASE("in random trees the outermost cancelled scope that can be seen speaks") {
    // What the short cuts of the tree must agree with.
    const auto plain = [](const eddy::detail::ScopeNode& from) {
        const eddy::detail::ScopeNode* found = nullptr;
        for (const eddy::detail::ScopeNode* node = &from; node != nullptr; node = node->parent) {
            found = node->cancel_called ? node : found;
            if (node->shield) {
                break;
            }
        }
        return found;
    };
    std::uint64_t seed = 1;
    const auto random = [&seed](int below) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        return static_cast<int>((seed >> 33U) % static_cast<unsigned>(below));
    };
    for (int round = 0; round < 200; ++round) {
        constexpr int count = 40;
        std::deque<InnerScope> nodes(count);
        for (int i = 1; i < count; ++i) {
            nodes[static_cast<std::size_t>(i)].enter(
                nodes[static_cast<std::size_t>(std::max(0, i - 1 - random(3)))], nullptr);
        }
        for (int step = 0; step < 100; ++step) {
            const int at = random(count);
            InnerScope& node = nodes[static_cast<std::size_t>(at)];
            switch (random(4)) {
                case 0:
                    if (random(4) == 0) {
                        node.cancel(CancelSource::explicit_call, std::to_string(at));
                    }
                    break;
                case 1:
                    node.set_shield(random(2) == 0);
                    break;
                case 2:
                    if (at > 1) {
                        node.move_under(nodes[static_cast<std::size_t>(random(at))]);
                    }
                    break;
                default:
                    break;
            }
            for (InnerScope& each : nodes) {
                const auto* const expected = plain(each);
                REQUIRE(each.effective == (expected != nullptr));
                if (expected != nullptr && random(3) != 0) {
                    REQUIRE(each.make_cancelled().reason() == expected->why.cause()->reason);
                }
            }
        }
        for (int i = count - 1; i > 0; --i) {
            while (nodes[static_cast<std::size_t>(i)].first_child != nullptr) {
                nodes[static_cast<std::size_t>(i)].first_child->leave();
            }
        }
        while (nodes[0].first_child != nullptr) {
            nodes[0].first_child->leave();
        }
    }
}

EDDY_TEST_CASE("20,000 groups in each other, cancelled from outside, end one after the other") {
    constexpr int depth = 20'000;
    Gate gate;
    int unwound = 0;
    const bool done = co_await eddy::with_scope({}, [&](CancelScope& scope) -> Task<> {
        eddy::call_later(std::chrono::seconds(1), [&scope] { scope.cancel("from outside"); });
        const int result = co_await nested_groups(depth, unwound, gate);
        static_cast<void>(result);
    });
    CHECK_FALSE(done);
    CHECK(unwound == depth);
}

EDDY_TEST_CASE("100,000 children, cancelled one by one, are a step each") {
    Gate gate;
    int ended = 0;
    co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
        std::vector<eddy::JoinHandle<void>> jobs;
        for (int i = 0; i < many; ++i) {
            jobs.push_back(group.spawn([](Gate& at, int& count) -> Task<> {
                try {
                    co_await at.wait();
                } catch (const Cancelled&) {
                    ++count;
                    throw;
                }
            }(gate, ended)));
        }
        co_await let_run(1);
        for (auto& job : jobs) {
            job.cancel("you too");
        }
    });
    CHECK(ended == many);
}

EDDY_TEST_CASE("20,000 scopes in one job pass one cancellation out") {
    struct Nest {
        static Task<int> in(int depth, CancelScope& outer) {
            if (depth == 0) {
                outer.cancel("all");
                co_await eddy::checkpoint();
                co_return 0;
            }
            int result = -1;
            const bool done = co_await eddy::with_scope({}, [&](CancelScope&) -> Task<> {
                const int inner = co_await in(depth - 1, outer);
                result = inner;
            });
            CHECK(done);  // never absorbs: the outer one is cancelled too
            co_return result;
        }
    };
    int reached = -1;
    const bool done = co_await eddy::with_scope({}, [&](CancelScope& scope) -> Task<> {
        const int result = co_await Nest::in(20'000, scope);
        reached = result;
    });
    CHECK_FALSE(done);
    CHECK(reached == -1);
}
