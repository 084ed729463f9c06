// SPDX-License-Identifier: MIT
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::testing::VirtualClock;
using Trace = std::vector<int>;

eddy::Task<> steps(Trace& trace, int id) {
    for (int i = 0; i < 3; ++i) {
        trace.push_back(id);
        co_await eddy::yield();
    }
    co_await eddy::sleep_for(1s);
    trace.push_back(id);
}

/// In which order the steps of ten jobs ran.
Trace trace_of(std::optional<std::uint64_t> seed) {
    VirtualClock clock;
    Trace trace;
    const auto main = [&]() -> eddy::Task<> {
        for (int id = 0; id < 10; ++id) {
            eddy::spawn(steps(trace, id));
        }
        co_await eddy::sleep_for(1h);
    };
    eddy::run(main(), {}, {.clock = &clock, .schedule_seed = seed});
    return trace;
}

}  // namespace

TEST_CASE("without a seed ready jobs run first in first out") {
    const Trace trace = trace_of(std::nullopt);
    REQUIRE(trace.size() == 40);
    for (std::size_t i = 0; i < trace.size(); ++i) {
        CHECK(trace[i] == static_cast<int>(i % 10));
    }
}

TEST_CASE("the same seed gives the same schedule, other seeds give others") {
    std::set<Trace> seen;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const Trace trace = trace_of(seed);
        CHECK(trace == trace_of(seed));
        seen.insert(trace);
    }
    CHECK(seen.size() == 50);
    CHECK(seen.count(trace_of(std::nullopt)) == 0);
}

TEST_CASE("every job still takes its turn: a round is a permutation") {
    const Trace trace = trace_of(99);
    REQUIRE(trace.size() == 40);
    for (std::size_t round = 0; round < 4; ++round) {
        const auto begin = trace.begin() + static_cast<std::ptrdiff_t>(round * 10);
        const std::set<int> ids(begin, begin + 10);
        CHECK(ids.size() == 10);
    }
}

TEST_CASE("a coroutine test runs once for each schedule it is asked for") {
    std::size_t runs = 0;
    std::size_t fifo_runs = 0;
    const auto body = [](std::size_t& count) -> eddy::Task<> {
        ++count;
        co_return;
    };
    eddy::testing::run_test([&] { return body(runs); });
    eddy::testing::run_test([&] { return body(fifo_runs); }, eddy::testing::Order::fifo);
    CHECK(runs == eddy::testing::schedules().size());
    CHECK(fifo_runs == 1);
}
