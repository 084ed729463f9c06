// SPDX-License-Identifier: MIT
#include <cstdint>

#include <doctest/doctest.h>

#include <eddy/counter.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/yield.hpp>

namespace {

using eddy::Counter;
using eddy::Task;
using eddy::testing::VirtualClock;

class CounterFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit CounterFixture(VirtualClock&) {}
    Task<> prepare() { co_return; }
    void complete() { counter_.set(0); }
    bool intact() const { return counter_.statistics().waiters == 0; }
    Task<> wait_again() {
        const std::int64_t zero = co_await counter_.wait_until_zero();
        CHECK(zero == 0);
    }

protected:
    Counter counter_{3};
};

struct UntilZero : CounterFixture {
    using CounterFixture::CounterFixture;
    auto operation() { return counter_.wait_until_zero(); }
    Task<> wait() { co_await counter_.wait_until_zero(); }
};
struct AtMost : CounterFixture {
    using CounterFixture::CounterFixture;
    auto operation() { return counter_.wait_at_most(2); }
    Task<> wait() { co_await counter_.wait_at_most(2); }
};
struct AtLeast : CounterFixture {
    using CounterFixture::CounterFixture;
    auto operation() { return counter_.wait_at_least(4); }
    Task<> wait() { co_await counter_.wait_at_least(4); }
    Task<> wait_again() { co_await wait(); }
    void complete() { counter_.set(4); }
};
struct WaitFor : CounterFixture {
    using CounterFixture::CounterFixture;
    auto operation() {
        return counter_.wait_for([](std::int64_t value) { return value == 0; });
    }
    Task<> wait() {
        co_await counter_.wait_for([](std::int64_t value) { return value == 0; });
    }
};
/// A change does not last: who comes later waits for the next.
struct Change : CounterFixture {
    using CounterFixture::CounterFixture;
    auto operation() { return counter_.wait_change(); }
    Task<> wait() {
        if (!changed_) {
            co_await counter_.wait_change();
        } else {
            co_await eddy::checkpoint();
        }
    }
    Task<> wait_again() { co_await wait(); }
    void complete() {
        counter_.increment();
        changed_ = true;
    }

private:
    bool changed_ = false;
};

}  // namespace

EDDY_WAIT_MATRIX("Counter::wait_until_zero", UntilZero)
EDDY_WAIT_MATRIX("Counter::wait_at_most", AtMost)
EDDY_WAIT_MATRIX("Counter::wait_at_least", AtLeast)
EDDY_WAIT_MATRIX("Counter::wait_for", WaitFor)
EDDY_WAIT_MATRIX("Counter::wait_change", Change)
