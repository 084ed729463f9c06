// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/wait_queue.hpp>

#include "../../samples/tap.hpp"

// The primitives that the pages show to those who write one: samples/tap.hpp, and the gate of
// wait_queue.hpp.

namespace {

using namespace std::chrono_literals;
using eddy::LoopBound;
using eddy::QueuedWaiter;
using eddy::Task;
using eddy::TaskGroup;
using eddy::WaitQueue;
using eddy::testing::settle;
using eddy::testing::VirtualClock;

// Shown in runtime/include/eddy/wait_queue.hpp.
class Gate {
public:
    class Wait final : public QueuedWaiter {
    public:
        explicit Wait(Gate& gate) : gate_(gate) {}
        bool try_now() {
            gate_.bound_.check("Gate::wait");  // WrongThread on a thread of another loop
            return gate_.open_;
        }
        void start() { gate_.waiting_.push_back(*this); }
        void take() {}
        const char* what() const noexcept override { return "Gate::wait"; }

    private:
        Gate& gate_;
    };

    Wait wait() { return Wait(*this); }
    void open() {
        bound_.check("Gate::open");
        open_ = true;
        waiting_.wake_all();
    }

private:
    LoopBound bound_;
    bool open_ = false;
    WaitQueue waiting_;
};
// Shown so far.

struct GateFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit GateFixture(VirtualClock&) {}
    Task<> prepare() { co_return; }
    Task<> wait() { co_await gate.wait(); }
    Task<> wait_again() { co_await gate.wait(); }
    void complete() { gate.open(); }
    bool intact() const { return true; }
    auto operation() { return gate.wait(); }

    Gate gate;
};

/// Every drop that was poured is drunk or still there: none falls beside.
struct TapFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit TapFixture(VirtualClock&) {}
    Task<> prepare() { co_return; }
    Task<> wait() {
        static_cast<void>(co_await tap.drop());
        took();
    }
    Task<> wait_again() {
        if (tap.spare() == 0) {
            complete();
        }
        co_await wait();
    }
    void complete() {
        ++poured;
        tap.pour();
    }
    void complete_again() { complete(); }
    bool intact() const { return tap.spare() == poured - drunk; }
    auto operation() { return tap.drop(); }
    void took() { ++drunk; }

    std::size_t poured = 0;
    std::size_t drunk = 0;
    Tap tap{1h * 24 * 365};
};

EDDY_WAIT_MATRIX("the gate of wait_queue.hpp", GateFixture)
EDDY_WAIT_MATRIX("the tap of the samples", TapFixture)

EDDY_TEST_CASE_FIFO("a tap serves those who wait in order, one each period") {
    Tap tap(1s);
    const eddy::TimePoint begin = eddy::now();
    std::vector<std::pair<int, eddy::Duration>> served;
    co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
        for (int i = 0; i < 3; ++i) {
            group.spawn([&, i]() -> Task<> {
                const std::uint64_t number = co_await tap.drop();
                CHECK(number == static_cast<std::uint64_t>(i) + 1);
                served.emplace_back(i, eddy::now() - begin);
            });
        }
        co_return;
    });
    CHECK(served == std::vector<std::pair<int, eddy::Duration>>{{0, 1s}, {1, 2s}, {2, 3s}});
}

EDDY_TEST_CASE("a select of two drops drinks one") {
    Tap tap(1s);
    const auto got = co_await eddy::select(tap.drop(), tap.drop());
    CHECK(got.index() == 0);
    CHECK(std::get<0>(got) == 1);
    const std::uint64_t next = co_await tap.drop();
    CHECK(next == 2);
}

EDDY_TEST_CASE("a tap is not armed while nobody waits") {
    {
        Tap tap(1s);
        auto job =
            eddy::spawn([](Tap& shared) -> Task<> { static_cast<void>(co_await shared.drop()); },
                        std::ref(tap));
        co_await settle();
        job.cancel();
        co_await job.wait();
        co_await eddy::sleep_for(5s);
    }  // its end would abort
    CHECK_THROWS_AS(Tap(0s), std::invalid_argument);
}

TEST_CASE("a primitive that the pages show belongs to one thread") {
    eddy::run([]() -> Task<> {
        Gate gate;
        Tap tap(1s);
        std::thread([&] {
            CHECK_THROWS_AS(gate.open(), eddy::WrongThread);
            CHECK_THROWS_AS(static_cast<void>(gate.wait().try_now()), eddy::WrongThread);
            CHECK_THROWS_AS(static_cast<void>(tap.drop().try_now()), eddy::WrongThread);
        }).join();
        co_return;
    }());
}

}  // namespace
