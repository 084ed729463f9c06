// SPDX-License-Identifier: MIT
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <eddy/barrier.hpp>
#include <eddy/bounded_executor.hpp>
#include <eddy/capacity_limiter.hpp>
#include <eddy/condition.hpp>
#include <eddy/counter.hpp>
#include <eddy/event.hpp>
#include <eddy/keyed_lock.hpp>
#include <eddy/latch.hpp>
#include <eddy/lock.hpp>
#include <eddy/notify.hpp>
#include <eddy/once_cell.hpp>
#include <eddy/rate_limiter.hpp>
#include <eddy/resettable_event.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/rw_lock.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/single_flight.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "wrong_thread.hpp"

// Every public function of the primitives without items, on a std::thread, on another loop's thread
// and in a forked child. They were made in a job and not used before. The others are in
// off_loop_channels_test.cpp.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Task;

Task<int> seven() { co_return 7; }

std::string text(std::int64_t number) { return std::to_string(number); }
std::string text(bool flag) { return flag ? "yes" : "no"; }

}  // namespace

EDDY_TEST_CASE("a Counter that a job has made is not for other threads, used before or not") {
    eddy::Counter counter;
    check_refused(
        {
            OffLoopCall("value", [&] { return counter.value(); }),
            OffLoopCall("closed", [&] { return counter.closed(); }),
            OffLoopCall("statistics", [&] { return counter.statistics(); }),
            OffLoopCall("increment", [&] { return counter.increment(); }),
            OffLoopCall("decrement", [&] { return counter.decrement(); }),
            OffLoopCall("add", [&] { return counter.add(3); }),
            OffLoopCall("set", [&] { return counter.set(3); }),
            {"close", [&] { counter.close(); }},
            OffLoopCall("remote", [&] { return counter.remote(); }),
            off_loop_await("wait_until_zero", [&] { return counter.wait_until_zero(); }),
            off_loop_await("wait_at_least", [&] { return counter.wait_at_least(0); }),
            off_loop_await("wait_at_most", [&] { return counter.wait_at_most(0); }),
            off_loop_await("wait_change", [&] { return counter.wait_change(); }),
            off_loop_await("wait_for",
                           [&] { return counter.wait_for([](std::int64_t) { return true; }); }),
        },
        [&] { return text(counter.value()); });
    check_anywhere({
        {"min", "a constant", [&] { static_cast<void>(counter.min()); }},
        {"max", "a constant", [&] { static_cast<void>(counter.max()); }},
    });
    CHECK(counter.value() == 0);
    CHECK(counter.increment() == 1);
    co_await eddy::checkpoint();
}

EDDY_TEST_CASE("nor is it for the worker of an offloaded call") {
    eddy::Counter counter;
    std::string what;
    try {
        co_await eddy::run_in_executor([&counter] { counter.increment(); });
    } catch (const eddy::WrongThread& error) {
        what = error.what();
    }
    CHECK(what.starts_with("Counter::increment: "));
    CHECK(counter.value() == 0);
}

TEST_CASE("a primitive made before any loop is nobody's until a loop uses it") {
    eddy::Counter counter;
    std::thread([&] { counter.increment(); }).join();
    const auto uses = [](eddy::Counter& shared) -> Task<> {
        shared.increment();
        std::thread([&] { CHECK_THROWS_AS(shared.increment(), eddy::WrongThread); }).join();
        co_return;
    };
    eddy::run(uses(counter));
    CHECK(counter.value() == 2);  // after the loop: still this thread's
    eddy::run(uses(counter));
    CHECK(counter.value() == 3);
    std::thread([&] { CHECK_THROWS_AS(counter.increment(), eddy::WrongThread); }).join();
}

TEST_CASE("a thread that has ended gives nothing to the next one, though its memory is the same") {
    // One after the other: glibc gives the second the thread-locals of the first.
    std::unique_ptr<eddy::Counter> counter;
    std::thread([&] {
        eddy::run([](std::unique_ptr<eddy::Counter>& made) -> Task<> {
            made = std::make_unique<eddy::Counter>();
            co_return;
        }(counter));
    }).join();
    for (int i = 0; i < 8; ++i) {
        std::thread([&] {
            CHECK_THROWS_AS(counter->increment(), eddy::WrongThread);
            eddy::run([](eddy::Counter& old) -> Task<> {
                CHECK_THROWS_AS(old.increment(), eddy::WrongThread);
                co_return;
            }(*counter));
        }).join();
    }
}

EDDY_TEST_CASE("events and latches are their loop's") {
    eddy::Event event;
    eddy::ResettableEvent resettable;
    eddy::Latch latch(2);
    eddy::Notify notify;
    check_refused(
        {
            OffLoopCall("Event::is_set", [&] { return event.is_set(); }),
            OffLoopCall("Event::statistics", [&] { return event.statistics(); }),
            {"Event::set", [&] { event.set(); }},
            OffLoopCall("Event::remote", [&] { return event.remote(); }),
            off_loop_await("Event::wait", [&] { return event.wait(); }),
            OffLoopCall("ResettableEvent::is_set", [&] { return resettable.is_set(); }),
            OffLoopCall("ResettableEvent::statistics", [&] { return resettable.statistics(); }),
            {"ResettableEvent::set", [&] { resettable.set(); }},
            {"ResettableEvent::clear", [&] { resettable.clear(); }},
            off_loop_await("ResettableEvent::wait", [&] { return resettable.wait(); }),
            OffLoopCall("Latch::count", [&] { return latch.count(); }),
            OffLoopCall("Latch::is_open", [&] { return latch.is_open(); }),
            OffLoopCall("Latch::statistics", [&] { return latch.statistics(); }),
            {"Latch::count_down", [&] { latch.count_down(); }},
            off_loop_await("Latch::wait", [&] { return latch.wait(); }),
            OffLoopCall("Notify::statistics", [&] { return notify.statistics(); }),
            {"Notify::notify_one", [&] { notify.notify_one(); }},
            {"Notify::notify_all", [&] { notify.notify_all(); }},
            off_loop_await("Notify::wait", [&] { return notify.wait(); }),
        },
        [&] {
            return text(event.is_set()) + text(resettable.is_set()) + text(latch.count()) +
                   text(static_cast<std::int64_t>(notify.statistics().waiters));
        });
    co_await eddy::checkpoint();
}

EDDY_TEST_CASE("locks and their guards are their loop's") {
    eddy::Lock lock;
    eddy::Condition condition(lock);
    eddy::KeyedLock<std::string> keyed;
    eddy::RwLock shared;
    const std::string key = "key";
    auto guard = co_await lock.acquire();
    auto key_guard = co_await keyed.acquire(key);
    auto reader = co_await shared.acquire_read();
    check_refused(
        {
            OffLoopCall("Lock::locked", [&] { return lock.locked(); }),
            OffLoopCall("Lock::statistics", [&] { return lock.statistics(); }),
            OffLoopCall("Lock::try_acquire", [&] { return lock.try_acquire().has_value(); }),
            off_loop_await("Lock::acquire", [&] { return lock.acquire(); }),
            {"LockGuard::adopt", [&] { guard.adopt(); }},
            {"LockGuard::release", [&] { guard.release(); }},
            OffLoopCall("Condition::statistics", [&] { return condition.statistics(); }),
            {"Condition::notify_one", [&] { condition.notify_one(); }},
            {"Condition::notify", [&] { condition.notify(1); }},
            {"Condition::notify_all", [&] { condition.notify_all(); }},
            off_loop_await("Condition::wait", [&] { return condition.wait(guard); }),
            off_loop_await("Condition::wait with a predicate",
                           [&] { return condition.wait(guard, [] { return true; }); }),
            OffLoopCall("KeyedLock::locked", [&] { return keyed.locked(key); }),
            OffLoopCall("KeyedLock::statistics", [&] { return keyed.statistics(); }),
            OffLoopCall("KeyedLock::statistics of one", [&] { return keyed.statistics(key); }),
            OffLoopCall("KeyedLock::try_acquire",
                        [&] { return keyed.try_acquire("other").has_value(); }),
            off_loop_await("KeyedLock::acquire", [&] { return keyed.acquire(key); }),
            {"KeyedLock::Guard::adopt", [&] { key_guard.adopt(); }},
            {"KeyedLock::Guard::release", [&] { key_guard.release(); }},
            OffLoopCall("RwLock::statistics", [&] { return shared.statistics(); }),
            OffLoopCall("RwLock::try_acquire_read",
                        [&] { return shared.try_acquire_read().has_value(); }),
            OffLoopCall("RwLock::try_acquire_write",
                        [&] { return shared.try_acquire_write().has_value(); }),
            off_loop_await("RwLock::acquire_read", [&] { return shared.acquire_read(); }),
            off_loop_await("RwLock::acquire_write", [&] { return shared.acquire_write(); }),
            {"ReadGuard::release", [&] { reader.release(); }},
        },
        [&] {
            return text(lock.locked()) + text(keyed.locked(key)) + text(keyed.locked("other")) +
                   text(static_cast<bool>(guard)) + text(static_cast<bool>(key_guard)) +
                   text(static_cast<bool>(reader));
        });
    reader.release();
    auto writer = co_await shared.acquire_write();
    check_refused(
        {
            {"WriteGuard::adopt", [&] { writer.adopt(); }},
            {"WriteGuard::release", [&] { writer.release(); }},
            OffLoopCall("WriteGuard::downgrade",
                        [&] { return static_cast<bool>(std::move(writer).downgrade()); }),
        },
        [&] { return text(static_cast<bool>(writer)); });
    check_anywhere({
        {"LockGuard::operator bool", "the guard alone", [&] { CHECK(static_cast<bool>(guard)); }},
        {"LockGuard::holds", "the guard alone", [&] { CHECK(guard.holds(lock)); }},
        {"KeyedLock::Guard::operator bool",
         "the guard alone",
         [&] { CHECK(static_cast<bool>(key_guard)); }},
        {"KeyedLock::Guard::key", "constant while held", [&] { CHECK(key_guard.key() == key); }},
        {"WriteGuard::operator bool", "the guard alone", [&] { CHECK(static_cast<bool>(writer)); }},
    });
}

EDDY_TEST_CASE("what counts permits is its loop's") {
    eddy::Semaphore semaphore(3);
    eddy::CapacityLimiter limiter(2);
    eddy::RateLimiter rate(1, 1h);
    eddy::Barrier barrier(2);
    auto permit = co_await semaphore.acquire(2);
    auto token = co_await limiter.acquire();
    eddy::Permit spare = permit.split(1);
    check_refused(
        {
            OffLoopCall("Semaphore::value", [&] { return semaphore.value(); }),
            OffLoopCall("Semaphore::max", [&] { return semaphore.max(); }),
            OffLoopCall("Semaphore::closed", [&] { return semaphore.closed(); }),
            OffLoopCall("Semaphore::locked", [&] { return semaphore.locked(); }),
            OffLoopCall("Semaphore::statistics", [&] { return semaphore.statistics(); }),
            {"Semaphore::release", [&] { semaphore.release(); }},
            OffLoopCall("Semaphore::forget_permits", [&] { return semaphore.forget_permits(1); }),
            {"Semaphore::close", [&] { semaphore.close(); }},
            OffLoopCall("Semaphore::try_acquire",
                        [&] { return semaphore.try_acquire().has_value(); }),
            off_loop_await("Semaphore::acquire", [&] { return semaphore.acquire(); }),
            {"Permit::forget", [&] { permit.forget(); }},
            OffLoopCall("Permit::split", [&] { return permit.split(1).count(); }),
            {"Permit::merge", [&] { permit.merge(std::move(spare)); }},
            OffLoopCall("CapacityLimiter::total", [&] { return limiter.total(); }),
            {"CapacityLimiter::set_total", [&] { limiter.set_total(9); }},
            OffLoopCall("CapacityLimiter::borrowed", [&] { return limiter.borrowed(); }),
            OffLoopCall("CapacityLimiter::available", [&] { return limiter.available(); }),
            OffLoopCall("CapacityLimiter::statistics", [&] { return limiter.statistics(); }),
            OffLoopCall("CapacityLimiter::try_acquire",
                        [&] { return limiter.try_acquire().has_value(); }),
            OffLoopCall("CapacityLimiter::try_acquire_on_behalf_of",
                        [&] { return limiter.try_acquire_on_behalf_of(1).has_value(); }),
            off_loop_await("CapacityLimiter::acquire", [&] { return limiter.acquire(); }),
            off_loop_await("CapacityLimiter::acquire_on_behalf_of",
                           [&] { return limiter.acquire_on_behalf_of(1); }),
            OffLoopCall("RateLimiter::statistics", [&] { return rate.statistics(); }),
            OffLoopCall("RateLimiter::try_acquire", [&] { return rate.try_acquire(); }),
            off_loop_await("RateLimiter::acquire", [&] { return rate.acquire(); }),
            OffLoopCall("Barrier::broken", [&] { return barrier.broken(); }),
            OffLoopCall("Barrier::statistics", [&] { return barrier.statistics(); }),
            {"Barrier::reset", [&] { barrier.reset(); }},
            {"Barrier::abort", [&] { barrier.abort(); }},
            off_loop_await("Barrier::wait", [&] { return barrier.wait(); }),
        },
        [&] {
            return text(semaphore.value()) + text(semaphore.closed()) + text(permit.count()) +
                   text(spare.count()) + text(limiter.total()) + text(limiter.borrowed()) +
                   text(barrier.broken());
        });
    check_anywhere({
        {"Permit::count", "the permit alone", [&] { static_cast<void>(permit.count()); }},
        {"CapacityToken::held", "the token alone", [&] { static_cast<void>(token.held()); }},
        {"CapacityToken::borrower", "a constant", [&] { static_cast<void>(token.borrower()); }},
        {"Barrier::parties", "a constant", [&] { static_cast<void>(barrier.parties()); }},
    });
    CHECK(rate.try_acquire());
}

EDDY_TEST_CASE("what runs work once, or so many at a time, is its loop's") {
    eddy::OnceCell<int> cell;
    eddy::SingleFlight<std::string, int> flights;
    eddy::BoundedExecutor bounded(2);
    check_refused(
        {
            OffLoopCall("OnceCell::try_get", [&] { return cell.try_get(); }),
            OffLoopCall("OnceCell::statistics", [&] { return cell.statistics(); }),
            {"OnceCell::set", [&] { cell.set(1); }},
            off_loop_await("OnceCell::get_or_init", [&] { return cell.get_or_init(seven); }),
            OffLoopCall("SingleFlight::statistics", [&] { return flights.statistics(); }),
            off_loop_await("SingleFlight::get", [&] { return flights.get("key", seven); }),
            OffLoopCall("BoundedExecutor::statistics", [&] { return bounded.statistics(); }),
            off_loop_await("BoundedExecutor::execute", [&] { return bounded.execute(seven); }),
            off_loop_await(
                "BoundedExecutor::map",
                [&] { return bounded.map(std::vector{1}, [](int) { return seven(); }); }),
            off_loop_await(
                "BoundedExecutor::map_settled",
                [&] { return bounded.map_settled(std::vector{1}, [](int) { return seven(); }); }),
        },
        [&] {
            return text(cell.try_get() != nullptr) +
                   text(static_cast<std::int64_t>(flights.statistics().flights));
        });
    const int value = co_await cell.get_or_init(seven);
    CHECK(value == 7);
}

// --- the ends ----------------------------------------------------------------------------------

EDDY_ABORT_TEST_CASE("a guard that is dropped on another thread says what to do",
                     "a LockGuard was dropped on another thread than its lock's loop") {
    eddy::Lock lock;
    auto guard = std::make_unique<eddy::LockGuard>(co_await lock.acquire());
    on_another_thread([&] { guard.reset(); });
}

EDDY_ABORT_TEST_CASE("so does one that is dropped in the job of another loop",
                     "a Permit ended on another thread") {
    eddy::Semaphore semaphore(1);
    auto permit = std::make_unique<eddy::Permit>(co_await semaphore.acquire());
    on_another_thread([&] {
        eddy::run([](std::unique_ptr<eddy::Permit>& dropped) -> Task<> {
            dropped.reset();
            co_return;
        }(permit));
    });
}

EDDY_TEST_CASE("a forked child unwinds with guards in its hands, its parent keeps its own") {
    eddy::Lock lock;
    eddy::Semaphore semaphore(2);
    auto guard = std::make_unique<eddy::LockGuard>(co_await lock.acquire());
    auto permit = std::make_unique<eddy::Permit>(co_await semaphore.acquire());
    const ChildResult child = run_in_child([&] {
        guard.reset();
        permit.reset();
        return 0;
    });
    CHECK(child.exit_code == 0);
    CHECK(lock.locked());
    CHECK(semaphore.value() == 1);
}
