// SPDX-License-Identifier: MIT
#include <atomic>
#include <memory>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/loop_door.hpp>
#include <eddy/run.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>

// The doorbell of loop_door.hpp.

namespace {

using eddy::LoopDoor;
using eddy::Task;

struct CountingGate {
    void set() {
        ++times;
        gate.open();
    }

    eddy::testing::Gate gate;
    int times = 0;
};

class Doorbell final : public LoopDoor {
public:
    explicit Doorbell(CountingGate& event) : event_(event) {}

    void ring();
    [[nodiscard]] bool rings_in_vain() { return !knock(); }
    void take_off() { shut(); }

private:
    void answer() override;
    void closing() override {}

    std::atomic<bool> rung_ = false;
    CountingGate& event_;
};

// Shown in runtime/include/eddy/loop_door.hpp.
void Doorbell::ring() {  // any thread
    if (!rung_.exchange(true)) {
        knock();
    }
}
void Doorbell::answer() {  // the loop's
    rung_ = false;
    event_.set();
}
// Shown so far.

EDDY_TEST_CASE("a door is answered on the loop, once for a burst, and again afterwards") {
    CountingGate event;
    const auto bell = std::make_shared<Doorbell>(event);
    std::thread([bell] {
        for (int i = 0; i < 3; ++i) {
            bell->ring();
        }
    }).join();
    CHECK(event.times == 0);  // never inside the knock
    co_await event.gate.wait();
    CHECK(event.times == 1);
    bell->ring();
    co_await eddy::testing::settle();
    CHECK(event.times == 2);
    bell->take_off();
}

TEST_CASE("a door whose loop is over says so") {
    CountingGate event;
    std::shared_ptr<Doorbell> bell;
    eddy::run([](std::shared_ptr<Doorbell>& made, CountingGate& its_event) -> Task<> {
        made = std::make_shared<Doorbell>(its_event);
        co_return;
    }(bell, event));
    CHECK(bell->rings_in_vain());
    CHECK(event.times == 0);
}

}  // namespace
