// SPDX-License-Identifier: MIT
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/sequencer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "test_kit.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::Gate;
using eddy::testing::HandOffLock;
using eddy::testing::Sequencer;
using eddy::testing::VirtualClock;

class SleepFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit SleepFixture(VirtualClock& clock) : clock_(clock), until_(clock.now() + 1h) {}
    Task<> prepare() { co_return; }
    auto operation() { return eddy::sleep_until(until_); }
    Task<> wait() { co_await eddy::sleep_until(until_); }
    Task<> wait_again() { co_await wait(); }
    void complete() { clock_.advance(1h); }
    bool intact() const { return true; }

private:
    VirtualClock& clock_;
    eddy::TimePoint until_;
};

class YieldFixture {
public:
    static constexpr bool waits = false;
    static constexpr bool commits_at_once = true;
    explicit YieldFixture(VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return eddy::yield(); }
    Task<> wait() { co_await eddy::yield(); }
    Task<> wait_again() { co_await wait(); }
    void complete() {}
    bool intact() const { return true; }
};

class CheckpointFixture : public YieldFixture {
public:
    using YieldFixture::YieldFixture;
    auto operation() { return eddy::checkpoint(); }
    Task<> wait() { co_await eddy::checkpoint(); }
};

class SettleFixture : public YieldFixture {
public:
    using YieldFixture::YieldFixture;
    auto operation() { return eddy::testing::settle(); }
    Task<> wait() { co_await eddy::testing::settle(); }
};

/// A job that ends when its gate opens, and at nothing else.
class JoinFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit JoinFixture(VirtualClock&) {}
    ~JoinFixture() { gate_->open(); }
    Task<> prepare() {
        handle_ = eddy::spawn(target(gate_));
        co_return;
    }
    void complete() { gate_->open(); }
    bool intact() const { return true; }

protected:
    static Task<int> passed(std::shared_ptr<Gate> gate) {
        co_await gate->wait();
        co_return 7;
    }
    static Task<int> target(std::shared_ptr<Gate> gate) {
        const int value = co_await eddy::shield(passed(std::move(gate)));
        co_return value;
    }

    std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
    eddy::JoinHandle<int> handle_;
};

class JoinWaitFixture : public JoinFixture {
public:
    using JoinFixture::JoinFixture;
    auto operation() { return handle_.wait(); }
    Task<> wait() { co_await handle_.wait(); }
    Task<> wait_again() { co_await wait(); }
};

class JoinAwaitFixture : public JoinFixture {
public:
    using JoinFixture::JoinFixture;
    static constexpr bool refuses_again = true;  // a result is handed out once
    auto operation() { return handle_.operator co_await(); }
    Task<> wait() {
        const int value = co_await handle_;
        CHECK(value == 7);
        taken_ = true;
    }
    Task<> wait_again() {
        if (!taken_) {
            co_await wait();
        }
    }

private:
    bool taken_ = false;
};

class SequencerFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit SequencerFixture(VirtualClock&) {}
    Task<> prepare() { first_.emplace(co_await order_.step(0)); }
    Task<> wait() {
        const Sequencer::Step step = co_await order_.step(1);
        done_ = true;
    }
    /// A broken sequence stays broken, and says so.
    Task<> wait_again() {
        bool broken = false;
        try {
            const Sequencer::Step step = co_await order_.step(2);
        } catch (const eddy::BrokenResource&) {
            broken = true;
        }
        CHECK(broken == !done_);
    }
    void complete() { first_.reset(); }
    bool intact() const { return true; }

private:
    Sequencer order_;
    std::optional<Sequencer::Step> first_;
    bool done_ = false;
};

class GateFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit GateFixture(VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return gate_.wait(); }
    Task<> wait() { co_await gate_.wait(); }
    Task<> wait_again() { co_await wait(); }
    void complete() { gate_.open(); }
    bool intact() const { return gate_.waiters() == 0; }

private:
    Gate gate_;
};

class LockFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit LockFixture(VirtualClock&) {}
    Task<> prepare() { guard_.emplace(co_await lock_.acquire()); }
    auto operation() { return lock_.acquire(); }
    Task<> wait() { const HandOffLock::Guard guard = co_await lock_.acquire(); }
    Task<> wait_again() { co_await wait(); }
    void complete() { guard_.reset(); }
    bool intact() const { return lock_.waiters() == 0 && lock_.held() == guard_.has_value(); }

private:
    HandOffLock lock_;
    std::optional<HandOffLock::Guard> guard_;
};

}  // namespace

EDDY_WAIT_MATRIX("sleep_until", SleepFixture)
EDDY_WAIT_MATRIX("yield", YieldFixture)
EDDY_WAIT_MATRIX("checkpoint", CheckpointFixture)
EDDY_WAIT_MATRIX("settle", SettleFixture)
EDDY_WAIT_MATRIX("JoinHandle::wait", JoinWaitFixture)
EDDY_WAIT_MATRIX("awaiting a JoinHandle", JoinAwaitFixture)
EDDY_WAIT_MATRIX("Sequencer::step", SequencerFixture)
EDDY_WAIT_MATRIX("a gate made of a WaitQueue", GateFixture)
EDDY_WAIT_MATRIX("a lock made of a WaitQueue", LockFixture)
