// SPDX-License-Identifier: MIT
#include <eddy/latch.hpp>

#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>

#include "broken_contract.hpp"

namespace {

using eddy::Latch;
using eddy::Task;
using eddy::testing::settle;

Task<> pass(Latch& latch, std::vector<int>& order, int number) {
    co_await latch.wait();
    order.push_back(number);
}

class LatchFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit LatchFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return latch_.wait(); }
    Task<> wait() { co_await latch_.wait(); }
    Task<> wait_again() { co_await wait(); }
    void complete() { latch_.count_down(latch_.count()); }
    bool intact() const { return latch_.statistics().waiters == 0; }

private:
    Latch latch_{2};
};

}  // namespace

EDDY_TEST_CASE_FIFO("a latch lets everybody through, in order, when it reaches zero") {
    Latch latch(3);
    std::vector<int> order;
    for (int i = 0; i < 3; ++i) {
        eddy::spawn(pass(latch, order, i)).detach();
    }
    co_await settle();
    CHECK(latch.statistics().waiters == 3);
    latch.count_down();
    latch.count_down(0);
    co_await settle();
    CHECK(order.empty());
    CHECK(latch.count() == 2);
    CHECK_FALSE(latch.is_open());
    latch.count_down(2);
    CHECK(order.empty());  // nobody runs inside it
    CHECK(latch.is_open());
    CHECK(latch.statistics().waiters == 0);
    co_await settle();
    CHECK(order == std::vector<int>({0, 1, 2}));
    co_await latch.wait();  // for ever
    co_await latch.wait();
}

TEST_CASE("a latch of zero is open from the start") {
    eddy::run([]() -> Task<> {
        Latch latch(0);
        CHECK(latch.is_open());
        co_await latch.wait();
    }());
}

TEST_CASE("counting below zero is out of range, a negative number an invalid argument") {
    CHECK_THROWS_AS(Latch(-1), std::invalid_argument);
    Latch latch(2);
    CHECK_THROWS_AS(latch.count_down(3), std::out_of_range);
    CHECK_THROWS_AS(latch.count_down(std::numeric_limits<std::int64_t>::max()), std::out_of_range);
    CHECK_THROWS_AS(latch.count_down(-1), std::invalid_argument);
    CHECK(latch.count() == 2);
    latch.count_down(2);
    CHECK_THROWS_AS(latch.count_down(), std::out_of_range);
    latch.count_down(0);
}

EDDY_TEST_CASE("a latch can be one of the things a select waits for") {
    Latch latch(1);
    const auto none = co_await eddy::select(latch.wait(), eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(none.index() == 1);
    CHECK(latch.statistics().waiters == 0);
    latch.count_down();
    const auto opened =
        co_await eddy::select(latch.wait(), eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(opened.index() == 0);
}

EDDY_TEST_CASE("a latch refuses other threads") {
    Latch latch(1);
    latch.count_down(0);
    bool refused = false;
    std::thread([&] {
        try {
            latch.count_down();
        } catch (const eddy::WrongThread&) {
            refused = true;
        }
    }).join();
    CHECK(refused);
    CHECK(latch.count() == 1);
    co_return;
}

EDDY_ABORT_TEST_CASE("destroying a latch that jobs wait on is a broken contract",
                     "a Latch was destroyed while jobs wait on it") {
    auto latch = std::make_unique<Latch>(1);
    std::vector<int> order;
    eddy::spawn(pass(*latch, order, 1)).detach();
    co_await settle();
    latch.reset();
}

EDDY_WAIT_MATRIX("Latch::wait", LatchFixture)
