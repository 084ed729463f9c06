// SPDX-License-Identifier: MIT
#include <eddy/testing/wait_matrix.hpp>

#include <chrono>
#include <memory>

#include <eddy/interval.hpp>
#include <eddy/join_set.hpp>
#include <eddy/testing/gate.hpp>

// The wait matrix for operations whose own tests are about other things.

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::Gate;
using eddy::testing::VirtualClock;

class TickFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit TickFixture(VirtualClock& clock) : clock_(clock), interval_(clock.now(), 1h) {}
    Task<> prepare() { co_await interval_.tick(); }
    Task<> wait() { co_await interval_.tick(); }
    auto operation() { return interval_.tick(); }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { clock_.advance(1h); }
    bool intact() const { return true; }

private:
    VirtualClock& clock_;
    eddy::Interval interval_;
};

/// One job of the set, which ends when the gate opens.
class NextFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit NextFixture(VirtualClock&) {}
    ~NextFixture() { gate_->open(); }
    Task<> prepare() {
        set_.spawn(eddy::shield(passes(gate_)));
        co_return;
    }
    Task<> wait() {
        const auto outcome = co_await set_.join_next();
        static_cast<void>(outcome);
    }
    auto operation() { return set_.join_next(); }
    Task<> wait_again() { co_await wait(); }
    void complete() { gate_->open(); }
    bool intact() const { return true; }

private:
    static Task<> passes(std::shared_ptr<Gate> gate) { co_await gate->wait(); }

    std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
    eddy::JoinSet<> set_;
};

}  // namespace

EDDY_WAIT_MATRIX("Interval::tick", TickFixture)
EDDY_WAIT_MATRIX("JoinSet::join_next", NextFixture)
