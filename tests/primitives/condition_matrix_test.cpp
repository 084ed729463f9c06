// SPDX-License-Identifier: MIT
// What happens to a Condition's waits in every phase, in selects, and when their frames die.
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/condition.hpp>
#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>

#include "exclusion_suite.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Condition;
using eddy::Lock;
using eddy::LockGuard;
using eddy::Task;
using eddy::testing::settle;

template <bool predicate>
class ConditionFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit ConditionFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    Task<> wait() {
        auto guard = co_await lock_.acquire();
        if constexpr (predicate) {
            co_await changed_.wait(guard, [this] { return ready_; });
        } else {
            while (!ready_) {
                co_await changed_.wait(guard);
            }
        }
        CHECK(guard.holds(lock_));
    }
    Task<> wait_again() { co_await wait(); }
    void complete() {
        const auto guard = lock_.try_acquire();
        ready_ = true;
        if (guard) {  // else a job that was cancelled is on its way out with it
            changed_.notify_one();
        }
    }
    bool intact() const { return changed_.statistics().waiters == 0 && !lock_.locked(); }

private:
    Lock lock_;
    Condition changed_{lock_};
    bool ready_ = false;
};

/// A lock whose holders notify before they release: there is always one more who was morphed into
/// the queue, gets the lock in its turn, and waits again.
class ConditionExclusion {
public:
    auto operation() { return shared_->lock.acquire(); }
    auto try_acquire() { return shared_->lock.try_acquire(); }
    bool held() const { return shared_->lock.locked(); }
    std::size_t waiters() const { return shared_->lock.statistics().waiters; }
    eddy::JobId owner() const { return shared_->lock.statistics().owner; }
    void about_to_release() {
        if (!std::exchange(churning_, true)) {
            eddy::spawn(churn(shared_)).detach();  // until the loop ends
        }
        shared_->changed.notify_one();
    }

private:
    struct Shared {
        Lock lock;
        Condition changed{lock};
    };
    static Task<> churn(std::shared_ptr<Shared> shared) {
        auto guard = co_await shared->lock.acquire();
        for (;;) {
            co_await shared->changed.wait(guard);
            CHECK(guard.holds(shared->lock));
        }
    }

    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    bool churning_ = false;
};

struct Monitor {
    Lock lock;
    Condition changed{lock};
    eddy::Event event;
    std::size_t winner = 9;
};

Task<> chooses(Monitor& m) {
    auto guard = co_await m.lock.acquire();
    try {
        const auto got = co_await eddy::select(m.event.wait(), m.changed.wait(guard));
        m.winner = got.index();
    } catch (const eddy::Cancelled&) {
        m.winner = 7;
        CHECK(guard.holds(m.lock));
        throw;
    }
    CHECK(guard.holds(m.lock));
}

Task<> waits(Monitor& m, int& passes) {
    auto guard = co_await m.lock.acquire();
    co_await m.changed.wait(guard);
    ++passes;
}

}  // namespace

EDDY_TEST_CASE("a select that something else has won has the lock back, free or not") {
    for (const bool held : {false, true}) {
        Monitor m;
        auto job = eddy::spawn(chooses(m));
        co_await settle();
        std::optional<LockGuard> guard;
        if (held) {
            guard.emplace(co_await m.lock.acquire());
        }
        m.event.set();
        CHECK(m.changed.statistics().waiters == 0);
        co_await settle();
        CHECK(job.done() == !held);
        guard.reset();
        co_await job;
        CHECK(m.winner == 0);
        CHECK_FALSE(m.lock.locked());
    }
}

EDDY_TEST_CASE("a select can be notified, and a notification it does not use goes on") {
    Monitor m;
    auto job = eddy::spawn(chooses(m));
    co_await settle();
    int passes = 0;
    auto next = eddy::spawn(waits(m, passes));
    co_await settle();
    {
        const auto guard = co_await m.lock.acquire();
        m.changed.notify_one();
        m.event.set();  // the notified one is not committed yet: the event wins
        CHECK(m.changed.statistics().waiters == 1);
    }
    co_await job;
    CHECK(m.winner == 0);
    co_await next;
    CHECK(passes == 1);
    Monitor other;
    auto notified = eddy::spawn(chooses(other));
    co_await settle();
    {
        const auto guard = co_await other.lock.acquire();
        other.changed.notify_one();
    }
    co_await notified;
    CHECK(other.winner == 1);
}

EDDY_TEST_CASE("a cancelled select throws with the lock held, free or not") {
    for (const bool held : {false, true}) {
        Monitor m;
        eddy::CancelScope scope;
        auto job = eddy::spawn(with_scope(scope, chooses(m)));
        co_await settle();
        std::optional<LockGuard> guard;
        if (held) {
            guard.emplace(co_await m.lock.acquire());
        }
        scope.cancel();
        co_await settle();
        CHECK(job.done() == !held);
        guard.reset();
        co_await job;
        CHECK(m.winner == 7);
        CHECK_FALSE(m.lock.locked());
    }
}

EDDY_TEST_CASE("a wait can be given a time") {
    Monitor m;
    auto guard = co_await m.lock.acquire();
    const auto got = co_await eddy::select(eddy::sleep_for(1s), m.changed.wait(guard));
    CHECK(got.index() == 0);
    CHECK(guard.holds(m.lock));
}

EDDY_TEST_CASE("one guard in two waits of a select is an error") {
    Monitor m;
    auto guard = co_await m.lock.acquire();
    bool refused = false;
    try {
        co_await eddy::select(m.changed.wait(guard), m.changed.wait(guard));
    } catch (const eddy::InvalidState&) {
        refused = true;
    }
    CHECK(refused);
    CHECK(m.changed.statistics().waiters == 0);
    CHECK_FALSE(m.lock.locked());
}

namespace {

/// In the frame of the job that has the lock: what is left of the others when it dies.
struct Holder {
    Holder(Monitor& monitor, bool& out) : m(monitor), alone(out) {}
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    ~Holder() {
        alone = m.changed.statistics().waiters == 0 && m.lock.statistics().waiters == 0;
        CHECK(m.lock.statistics().owner_name == "holder");  // it is still its own
    }
    Monitor& m;
    bool& alone;
};

Task<> insists(Monitor& m, int& passes) { co_await eddy::shield(waits(m, passes)); }

Task<> holds(Monitor& m, bool notify, bool& died_last) {
    co_await m.event.wait();
    auto guard = co_await m.lock.acquire();
    const Holder holder(m, died_last);
    if (notify) {
        m.changed.notify_one();
    }
    co_await eddy::shield(eddy::testing::wait_matrix::ignores_everything());
}

/// The loop destroys two waiters, one of them notified or not, while another job holds the lock.
/// Returns whether that one died last.
bool die_while_another_holds(bool notify, bool holder_first) {
    eddy::testing::VirtualClock clock;
    eddy::testing::RecordingObserver observer;
    Monitor m;
    int passes = 0;
    bool died_last = false;
    eddy::Loop loop({.clock = &clock, .observer = &observer});
    loop.run(
        [](Monitor& monitor, int& count, bool notified, bool first, bool& last) -> Task<> {
            const auto spawn_holder = [&] {
                eddy::spawn(holds(monitor, notified, last), {.name = "holder"}).detach();
            };
            if (first) {
                spawn_holder();
            }
            eddy::spawn(insists(monitor, count)).detach();
            eddy::spawn(insists(monitor, count)).detach();
            if (!first) {
                spawn_holder();
            }
            co_await settle();
            CHECK(monitor.changed.statistics().waiters == 2);
            monitor.event.set();
            co_await settle();
            CHECK(monitor.lock.statistics().waiters == (notified ? 1 : 0));
        }(m, passes, notify, holder_first, died_last),
        {.grace = std::chrono::milliseconds(1)});
    CHECK(observer.abandoned.size() == 3);
    CHECK(passes == 0);
    CHECK_FALSE(m.lock.locked());
    CHECK(m.changed.statistics().waiters == 0);
    return died_last;
}

}  // namespace

TEST_CASE("a frame that dies while it waits does not release a lock another job holds") {
    for (const bool notify : {false, true}) {
        const bool one = die_while_another_holds(notify, false);
        const bool other = die_while_another_holds(notify, true);
        CHECK(one != other);
    }
}

namespace {

/// A queue of jobs to be destroyed: one that was notified and waits for the lock, one that looks,
/// and one that waits for a notification.
struct Doomed {
    Monitor m;
    eddy::Event go[4];
    bool notified_died = false;
    bool waiter_died = false;
    std::optional<std::pair<std::size_t, std::size_t>> seen;  // waiters of condition and lock
};

template <class F>
class AtEnd final {
public:
    explicit AtEnd(F fn) : fn_(fn) {}
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;
    ~AtEnd() { fn_(); }

private:
    F fn_;
};

Task<> gets_notified(Doomed& d) {
    const AtEnd end([&d] { d.notified_died = true; });
    co_await d.go[0].wait();
    auto guard = co_await d.m.lock.acquire();
    co_await d.m.changed.wait(guard);
    FAIL("it returned");
}

Task<> notifies_and_waits(Doomed& d, bool all) {
    const AtEnd end([&d] { d.waiter_died = true; });
    co_await d.go[1].wait();
    auto guard = co_await d.m.lock.acquire();
    co_await d.go[2].wait();
    all ? d.m.changed.notify_all() : d.m.changed.notify_one();
    co_await d.m.changed.wait(guard);
    FAIL("it returned");
}

Task<> takes_for_ever(Doomed& d) {
    co_await d.go[3].wait();
    const auto guard = co_await d.m.lock.acquire();
    co_await eddy::sleep_forever();
}

Task<> looks(Doomed& d) {
    const AtEnd end([&d] {
        if (d.notified_died && !d.waiter_died) {
            const auto now = d.m.changed.statistics();
            d.seen.emplace(now.waiters, now.lock.waiters);
        }
    });
    co_await eddy::sleep_forever();
}

void destroy(Doomed& doomed, bool all, bool forward) {
    eddy::testing::VirtualClock clock;
    eddy::testing::RecordingObserver observer;
    eddy::Loop loop({.clock = &clock, .observer = &observer});
    loop.run(
        [](Doomed& d, bool to_all, bool first) -> Task<> {
            // In the order of their deaths, or the reverse: one of the two it is.
            const auto spawn_nth = [&](int nth) {
                Task<> task = nth == 0   ? gets_notified(d)
                              : nth == 1 ? looks(d)
                              : nth == 2 ? notifies_and_waits(d, to_all)
                                         : takes_for_ever(d);
                eddy::spawn(eddy::shield(std::move(task))).detach();
            };
            for (int i = 0; i < 4; ++i) {
                spawn_nth(first ? i : 3 - i);
            }
            for (const std::size_t step : {0U, 1U, 3U, 2U}) {
                d.go[step].set();
                co_await settle();
            }
            CHECK(d.m.changed.statistics().waiters == 1);
            CHECK(d.m.lock.statistics().waiters == 1);
        }(doomed, all, forward),
        {.grace = std::chrono::milliseconds(1)});
    CHECK(observer.abandoned.size() == 4);
    CHECK_FALSE(doomed.m.lock.locked());
}

}  // namespace

TEST_CASE("a notification for one goes on when its job dies in the lock's queue, one for all not") {
    for (const bool all : {false, true}) {
        int looked = 0;
        for (const bool forward : {false, true}) {
            Doomed doomed;
            destroy(doomed, all, forward);
            if (doomed.seen) {
                ++looked;
                CHECK(doomed.seen->first == (all ? 1U : 0U));
                CHECK(doomed.seen->second == (all ? 0U : 1U));
            }
        }
        CHECK(looked == 1);
    }
}

EDDY_WAIT_MATRIX("Condition::wait", ConditionFixture<false>)
EDDY_WAIT_MATRIX("Condition::wait with a predicate", ConditionFixture<true>)
EDDY_EXCLUSION_SUITE("a Condition's lock", ConditionExclusion)
