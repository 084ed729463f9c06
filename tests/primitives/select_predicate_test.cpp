// SPDX-License-Identifier: MIT
// In a select the predicate of one operation may make another one possible that has been tried
// before: that one is looked at again, and wins. (Trial C4.)
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/barrier.hpp>
#include <eddy/broadcast.hpp>
#include <eddy/capacity_limiter.hpp>
#include <eddy/channel.hpp>
#include <eddy/counter.hpp>
#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/future.hpp>
#include <eddy/join_set.hpp>
#include <eddy/keyed_lock.hpp>
#include <eddy/latch.hpp>
#include <eddy/lock.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/notify.hpp>
#include <eddy/once_cell.hpp>
#include <eddy/oneshot.hpp>
#include <eddy/queue.hpp>
#include <eddy/resettable_event.hpp>
#include <eddy/rw_lock.hpp>
#include <eddy/select.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/watch.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::Counter;
using eddy::select;
using eddy::Task;

/// The first operation of a select ends in this way when the predicate of the second calls `makes`.
template <class Op>
Task<> after(Op& operation,
             std::function<void()> makes,
             std::string_view expected,
             std::source_location where = std::source_location::current()) {
    Counter counter;
    bool called = false;
    const auto predicate = [&](std::int64_t) {
        if (!std::exchange(called, true)) {
            makes();
        }
        return false;
    };
    std::string text;
    try {
        const auto got =
            co_await select(operation, counter.wait_for(predicate), eddy::sleep_for(1h));
        text = got.index() == 0 ? "won" : "lost";
    } catch (const eddy::ClosedResource&) {
        text = "closed";
    } catch (const eddy::BrokenResource&) {  // a barrier too
        text = "broken";
    } catch (const eddy::EndOfStream&) {
        text = "end";
    }
    CHECK(called);
    CHECK_MESSAGE(text == expected, "line " << where.line());
    CHECK(counter.statistics().waiters == 0);
}

}  // namespace

EDDY_TEST_CASE("an event, a latch or a notification made by a predicate wins") {
    eddy::Event event;
    auto set = event.wait();
    co_await after(set, [&] { event.set(); }, "won");
    eddy::Latch latch(1);
    auto zero = latch.wait();
    co_await after(zero, [&] { latch.count_down(); }, "won");
    eddy::ResettableEvent signal;
    auto raised = signal.wait();
    co_await after(raised, [&] { signal.set(); }, "won");
    eddy::Notify notify;
    auto told = notify.wait();
    co_await after(told, [&] { notify.notify_one(); }, "won");
    CHECK_FALSE(notify.statistics().permit);
    eddy::Server server;
    auto drains = server.wait_draining();
    co_await after(drains, [&] { server.drain(); }, "won");
}

EDDY_TEST_CASE("permits and tokens that a predicate has released are taken, and given back") {
    eddy::Semaphore semaphore(0);
    auto acquire = semaphore.acquire(2);
    co_await after(acquire, [&] { semaphore.release(2); }, "won");
    CHECK(semaphore.value() == 2);
    auto more = semaphore.acquire(3);
    co_await after(more, [&] { semaphore.close(); }, "closed");
    eddy::Semaphore other(0);
    auto one = other.acquire();
    co_await after(one, [&] { other.release(1); }, "won");
    const eddy::Permit later = co_await other.acquire();  // nobody is left in the queue before
    CHECK(later.count() == 1);
    eddy::CapacityLimiter limiter(0);
    auto token = limiter.acquire();
    co_await after(token, [&] { limiter.set_total(1); }, "won");
    CHECK(limiter.statistics().borrowers.empty());
    eddy::Barrier barrier(2);
    auto meets = barrier.wait();
    co_await after(meets, [&] { barrier.abort(); }, "broken");
}

EDDY_TEST_CASE("locks that a predicate has released are held by the select") {
    eddy::Lock lock;
    auto takes =
        eddy::spawn([&lock]() -> Task<eddy::LockGuard> { co_return co_await lock.acquire(); });
    std::optional<eddy::LockGuard> held(co_await takes);  // that job owns it, this one has it
    auto acquire = lock.acquire();
    co_await after(acquire, [&] { held.reset(); }, "won");
    CHECK_FALSE(lock.locked());
    eddy::KeyedLock<int> keyed;
    using KeyGuard = eddy::KeyedLock<int>::Guard;
    auto takes_key =
        eddy::spawn([&keyed]() -> Task<KeyGuard> { co_return co_await keyed.acquire(1); });
    std::optional<KeyGuard> key(co_await takes_key);
    const int one = 1;
    auto by_key = keyed.acquire(one);
    co_await after(by_key, [&] { key.reset(); }, "won");
    CHECK(keyed.statistics().keys == 0);
    eddy::RwLock rw;
    std::optional<eddy::ReadGuard> reading(co_await rw.acquire_read());
    auto write = rw.acquire_write();
    co_await after(write, [&] { reading.reset(); }, "won");
    CHECK_FALSE(rw.statistics().writing);
    CHECK(rw.statistics().waiters == 0);
}

EDDY_TEST_CASE("items and room that a predicate has made are used") {
    eddy::Queue<int> queue(1);
    auto get = queue.get();
    co_await after(get, [&] { CHECK(queue.try_put(1)); }, "won");
    CHECK(queue.empty());
    CHECK(queue.try_put(2));
    int item = 3;
    auto put = queue.put(std::move(item));
    co_await after(put, [&] { CHECK(queue.try_get() == 2); }, "won");
    CHECK(queue.try_get() == 3);
    auto next = queue.next();
    co_await after(next, [&] { queue.shutdown(); }, "won");
    eddy::Queue<int> shut(1);
    CHECK(shut.try_put(1));
    int more = 2;
    auto refused = shut.put(std::move(more));
    co_await after(refused, [&] { shut.shutdown(); }, "closed");
    eddy::Queue<int> work(1);
    CHECK(work.try_put(1));
    auto join = work.join();
    co_await after(
        join,
        [&] {
            CHECK(work.try_get() == 1);
            work.task_done();
        },
        "won");
}

EDDY_TEST_CASE("what a predicate sends through a channel arrives, and what it closes is closed") {
    auto [sender, receiver] = eddy::open_channel<int>(1);
    auto receive = receiver.receive();
    co_await after(receive, [&] { CHECK(sender.try_send(1)); }, "won");
    CHECK(sender.try_send(2));
    int item = 3;
    auto send = sender.send(std::move(item));
    co_await after(send, [&] { CHECK(receiver.try_receive() == 2); }, "won");
    auto reserve = sender.reserve();
    co_await after(reserve, [&] { CHECK(receiver.try_receive() == 3); }, "won");
    CHECK(sender.statistics().reserved == 0);
    auto copy = receiver;
    auto through_copy = copy.receive();
    co_await after(through_copy, [&] { copy.close(); }, "closed");
    auto ends = receiver.receive();
    co_await after(ends, [&] { sender.close(); }, "end");
    auto [left, right] = eddy::open_channel<int>(1);
    CHECK(left.try_send(1));
    int last = 2;
    auto broken = left.send(std::move(last));
    co_await after(broken, [&] { right.close(); }, "broken");
}

EDDY_TEST_CASE("results that a predicate brings are there") {
    eddy::Oneshot<int> once;
    auto receive = once.receiver.receive();
    co_await after(receive, [&] { CHECK_FALSE(once.sender.send(1)); }, "won");
    eddy::Promise<int> promise;
    const eddy::Future<int> future = promise.future();
    auto result = future.operator co_await();
    co_await after(result, [&] { promise.set_value(1); }, "won");
    eddy::Broadcast<int> broadcast(2);
    const auto hears = broadcast.subscribe();
    auto item = hears.receive();
    co_await after(item, [&] { CHECK(broadcast.send(1) == 1); }, "won");
    auto over = hears.next();
    co_await after(over, [&] { broadcast.close(); }, "won");
    eddy::Watch<int> watch(0);
    const auto sees = watch.subscribe();
    auto changed = sees.changed();
    co_await after(changed, [&] { watch.set(1); }, "won");
    eddy::OnceCell<int> cell;
    auto value = cell.get_or_init([]() -> Task<int> { co_return 1; });
    co_await after(value, [&] { cell.set(7); }, "won");
    CHECK(*cell.try_get() == 7);
    Counter other;
    auto three = other.wait_at_least(3);
    co_await after(three, [&] { other.set(3); }, "won");
    auto closed = other.wait_at_least(5);
    co_await after(closed, [&] { other.close(); }, "closed");
}

EDDY_TEST_CASE("two predicates in one select, and the wait inside a nested one") {
    eddy::Event event;
    Counter counter;
    const auto never = [](std::int64_t) { return false; };
    const auto sets = [&](std::int64_t) {
        event.set();
        return false;
    };
    const auto got = co_await select(select(event.wait(), counter.wait_for(never)),
                                     select(counter.wait_for(sets), eddy::sleep_for(1h)));
    REQUIRE(got.index() == 0);
    CHECK(std::get<0>(got).index() == 0);
    eddy::ResettableEvent second;
    const auto raises = [&](std::int64_t) {
        second.set();
        return false;
    };
    const auto last = co_await select(counter.wait_for(raises), second.wait());
    CHECK(last.index() == 1);  // tried after the predicate anyway
}
