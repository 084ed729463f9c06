// SPDX-License-Identifier: MIT
// Operations of one select that stand in the same primitive: one job, one party. They do not count
// twice, serve each other, or meet each other.
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/barrier.hpp>
#include <eddy/capacity_limiter.hpp>
#include <eddy/channel.hpp>
#include <eddy/condition.hpp>
#include <eddy/counter.hpp>
#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/latch.hpp>
#include <eddy/lock.hpp>
#include <eddy/notify.hpp>
#include <eddy/queue.hpp>
#include <eddy/rw_lock.hpp>
#include <eddy/select.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

namespace {

using eddy::Barrier;
using eddy::select;
using eddy::Task;
using eddy::testing::settle;

/// The index of the operation that a select of two has chosen, once it has.
template <class A, class B>
Task<> choose(A& first, B& second, std::optional<std::size_t>& chosen) {
    const auto result = co_await select(first, second);
    chosen = result.index();
}

/// Runs `call` in the middle of a select, between what is tried and what is queued.
class Calls final {
public:
    explicit Calls(std::function<void()> call) : call_(std::move(call)) {}
    auto operation() {
        return counter_.wait_for([this](std::int64_t) {
            if (call_) {
                std::exchange(call_, nullptr)();
            }
            return false;
        });
    }

private:
    std::function<void()> call_;
    eddy::Counter counter_;
};

}  // namespace

EDDY_TEST_CASE("a job is one party of a barrier, however many waits its select has on it") {
    Barrier barrier(2);
    std::optional<std::size_t> chosen;
    auto job = eddy::spawn([](Barrier& where, std::optional<std::size_t>& out) -> Task<> {
        auto first = where.wait();
        auto second = where.wait();
        co_await choose(first, second, out);
    }(barrier, chosen));
    co_await settle();
    CHECK_FALSE(chosen);
    CHECK(barrier.statistics().waiters == 1);
    CHECK(barrier.statistics().rounds == 0);
    const std::size_t index = co_await barrier.wait();
    CHECK(index == 1);
    co_await job;
    CHECK(chosen == 0);
    CHECK(barrier.statistics().waiters == 0);
    CHECK(barrier.statistics().rounds == 1);
}

EDDY_TEST_CASE("two selects with two waits each are two parties, with an index each") {
    Barrier barrier(3);
    std::string indices;
    const auto party = [](Barrier& where, std::string& out) -> Task<> {
        auto first = where.wait();
        auto second = where.wait();
        auto third = where.wait();
        const auto nested = co_await select(first, select(second, third));
        CHECK(nested.index() == 0);
        out += std::to_string(std::get<0>(nested));
    };
    auto one = eddy::spawn(party(barrier, indices));
    auto two = eddy::spawn(party(barrier, indices));
    co_await settle();
    CHECK(barrier.statistics().waiters == 2);
    CHECK(indices.empty());
    auto three = eddy::spawn(party(barrier, indices));
    co_await one;
    co_await two;
    co_await three;
    CHECK(indices.size() == 3);
    for (const char index : {'0', '1', '2'}) {
        CHECK(indices.find(index) != std::string::npos);
    }
    CHECK(barrier.statistics().waiters == 0);
}

EDDY_TEST_CASE("a cancelled, a broken and a reset barrier forget a select with two waits as one") {
    Barrier barrier(2);
    const auto party = [](Barrier& where) -> Task<> {
        static_cast<void>(co_await select(where.wait(), where.wait()));
    };
    auto cancelled = eddy::spawn(party(barrier));
    co_await settle();
    cancelled.cancel();
    co_await cancelled.wait();
    CHECK(barrier.statistics().waiters == 0);

    auto reset = eddy::spawn(party(barrier));
    co_await settle();
    barrier.reset();
    CHECK(barrier.statistics().waiters == 0);
    CHECK_THROWS_AS(co_await reset, eddy::BrokenBarrier);

    auto aborted = eddy::spawn(party(barrier));
    co_await settle();
    barrier.abort();
    CHECK(barrier.statistics().waiters == 0);
    CHECK_THROWS_AS(co_await aborted, eddy::BrokenBarrier);
    barrier.reset();

    Barrier alone(1);
    const auto at_once = co_await select(alone.wait(), alone.wait());
    CHECK(at_once.index() == 0);
    CHECK(alone.statistics().rounds == 1);
}

EDDY_TEST_CASE("a barrier that others come to in the middle of a select counts them, and it once") {
    Barrier barrier(2);
    bool other = false;
    auto waits = [](Barrier& where, bool& done) -> Task<> {
        static_cast<void>(co_await where.wait());
        done = true;
    };
    Calls calls([] {});
    auto job = eddy::spawn([](Barrier& where, Calls& between) -> Task<> {
        auto call = between.operation();
        static_cast<void>(co_await select(where.wait(), call, where.wait()));
    }(barrier, calls));
    co_await settle();
    CHECK(barrier.statistics().waiters == 1);
    auto second = eddy::spawn(waits(barrier, other));
    co_await job;
    co_await second;
    CHECK(other);
}

EDDY_TEST_CASE("a select does not send to itself over a rendezvous") {
    auto [sender, receiver] = eddy::open_channel<int>(0);
    std::string log;
    const auto both = [](auto& out, auto& in, std::string& text, char name) -> Task<> {
        const auto result = co_await select(out.send(int{name}), in.receive());
        text += name;
        text += result.index() == 0 ? "s" : "r";
        if (result.index() == 1) {
            CHECK(std::get<1>(result) != int{name});
        }
    };
    const auto reversed = [](auto& out, auto& in, std::string& text, char name) -> Task<> {
        const auto result = co_await select(in.receive(), out.send(int{name}));
        text += name;
        text += result.index() == 1 ? "s" : "r";
    };
    auto one = eddy::spawn(both(sender, receiver, log, 'a'));
    co_await settle();
    CHECK(log.empty());
    CHECK(sender.statistics().waiting_to_send == 1);
    CHECK(sender.statistics().waiting_to_receive == 1);
    auto two = eddy::spawn(reversed(sender, receiver, log, 'b'));
    co_await one;
    co_await two;
    CHECK(log.size() == 4);
    CHECK((log == "arbs" || log == "asbr" || log == "bras" || log == "bsar"));
    CHECK(sender.statistics().waiting_to_send == 0);
    CHECK(sender.statistics().waiting_to_receive == 0);

    auto three = eddy::spawn(reversed(sender, receiver, log, 'c'));
    co_await settle();
    CHECK_FALSE(three.done());
    co_await sender.send(7);
    co_await three;
    CHECK(log.ends_with("cr"));
}

EDDY_TEST_CASE("nor when it looks again because a predicate was called in between") {
    auto [sender, receiver] = eddy::open_channel<int>(0);
    std::optional<std::size_t> chosen;
    int received = 0;
    for (const bool sends_first : {true, false}) {
        chosen.reset();
        Calls calls([] {});
        auto job = eddy::spawn([](auto& out,
                                  auto& in,
                                  Calls& between,
                                  bool first,
                                  std::optional<std::size_t>& index,
                                  int& value) -> Task<> {
            auto call = between.operation();
            auto send = out.send(1);
            auto receive = in.receive();
            if (first) {
                const auto result = co_await select(send, call, receive);
                index = result.index();
                value = result.index() == 2 ? std::get<2>(result) : 0;
            } else {
                const auto result = co_await select(receive, call, send);
                index = result.index();
                value = result.index() == 0 ? std::get<0>(result) : 0;
            }
        }(sender, receiver, calls, sends_first, chosen, received));
        co_await settle();
        CHECK_FALSE(chosen);
        co_await sender.send(2);
        co_await job;
        CHECK(received == 2);
        CHECK(sender.statistics().waiting_to_send == 0);
        CHECK(sender.statistics().waiting_to_receive == 0);
    }
}

EDDY_TEST_CASE("put and get of one queue in a select: the first that need not wait") {
    eddy::Queue<int> queue(1);
    const auto empty = co_await select(queue.get(), queue.put(1));
    CHECK(empty.index() == 1);
    const auto full = co_await select(queue.put(2), queue.get());
    CHECK(full.index() == 1);
    CHECK(std::get<1>(full) == 1);
    CHECK(queue.size() == 0);
    // A predicate fills and empties it in between: what was possible once is not done twice.
    Calls calls([&queue] { CHECK(queue.try_put(3)); });
    auto call = calls.operation();
    const auto got = co_await select(call, queue.get());
    CHECK(got.index() == 1);
    CHECK(std::get<1>(got) == 3);
}

EDDY_TEST_CASE(
    "a permit, a lock, a notification goes to one wait of a select, and no other is lost") {
    eddy::Semaphore semaphore(0, 10);
    std::optional<std::size_t> chosen;
    auto acquires = eddy::spawn([](auto& from, std::optional<std::size_t>& out) -> Task<> {
        const auto result = co_await select(from.acquire(2), from.acquire(1));
        out = result.index();
    }(semaphore, chosen));
    co_await settle();
    semaphore.release(3);
    co_await acquires;
    CHECK(chosen == 0);
    CHECK(semaphore.value() == 3);  // given back by the guard that was dropped

    eddy::Notify notify;
    auto waits = eddy::spawn([](eddy::Notify& on) -> Task<> {
        static_cast<void>(co_await select(on.wait(), on.wait()));
    }(notify));
    co_await settle();
    notify.notify_one();
    notify.notify_one();
    co_await waits;
    co_await notify.wait();  // the second was kept

    eddy::Lock lock;
    {
        auto guard = co_await lock.acquire();
        auto locks = eddy::spawn([](eddy::Lock& what) -> Task<> {
            static_cast<void>(co_await select(what.acquire(), what.acquire()));
        }(lock));
        co_await settle();
        guard.release();
        co_await locks;
    }
    CHECK_FALSE(lock.locked());

    eddy::RwLock both;
    std::string log;
    {
        auto held = co_await both.acquire_write();
        const auto wants = [](eddy::RwLock& what, std::string& text, bool read) -> Task<> {
            if (read) {
                const auto result = co_await select(what.acquire_read(), what.acquire_write());
                text += result.index() == 0 ? "r" : "w";
            } else {
                const auto result = co_await select(what.acquire_write(), what.acquire_read());
                text += result.index() == 0 ? "w" : "r";
            }
        };
        auto one = eddy::spawn(wants(both, log, true));
        co_await settle();
        auto two = eddy::spawn(wants(both, log, false));
        auto three = eddy::spawn(wants(both, log, true));
        co_await settle();
        held.release();
        co_await one;
        co_await two;
        co_await three;
    }
    CHECK(log.size() == 3);
    const auto again = co_await both.acquire_write();
    static_cast<void>(again);
}

EDDY_TEST_CASE("a borrower waits for one token at a time, also in a select") {
    eddy::CapacityLimiter limiter(1);
    {
        const auto at_once = co_await select(limiter.acquire(), limiter.acquire());
        CHECK(at_once.index() == 0);
        CHECK(limiter.borrowed() == 1);
    }
    CHECK(limiter.borrowed() == 0);
    auto held = co_await limiter.acquire();
    auto refused = eddy::spawn([](eddy::CapacityLimiter& from) -> Task<> {
        static_cast<void>(co_await select(from.acquire(), from.acquire()));
    }(limiter));
    CHECK_THROWS_AS(co_await refused, eddy::InvalidState);
    CHECK(limiter.statistics().waiters == 0);
    auto named = eddy::spawn([](eddy::CapacityLimiter& from) -> Task<> {
        static_cast<void>(co_await select(from.acquire_on_behalf_of(1), from.acquire()));
    }(limiter));
    co_await settle();
    CHECK(limiter.statistics().waiters == 2);
    held.release();
    co_await named;
    CHECK(limiter.statistics().waiters == 0);
    CHECK(limiter.borrowed() == 0);
}

EDDY_TEST_CASE(
    "a guard waits for one condition at a time, and is without its lock after a second") {
    eddy::Lock lock;
    eddy::Condition condition(lock);
    auto refused = eddy::spawn([](eddy::Lock& what, eddy::Condition& on) -> Task<> {
        auto guard = co_await what.acquire();
        static_cast<void>(co_await select(on.wait(guard), on.wait(guard)));
    }(lock, condition));
    CHECK_THROWS_AS(co_await refused, eddy::InvalidState);
    CHECK_FALSE(lock.locked());
    CHECK(condition.statistics().waiters == 0);
}

EDDY_TEST_CASE("a latch and an event let a select with two waits through once") {
    eddy::Latch latch(1);
    eddy::Event event;
    std::optional<std::size_t> first;
    std::optional<std::size_t> second;
    auto one = eddy::spawn([](eddy::Latch& on, std::optional<std::size_t>& out) -> Task<> {
        const auto result = co_await select(on.wait(), on.wait());
        out = result.index();
    }(latch, first));
    auto two = eddy::spawn([](eddy::Event& on, std::optional<std::size_t>& out) -> Task<> {
        const auto result = co_await select(on.wait(), on.wait());
        out = result.index();
    }(event, second));
    co_await settle();
    latch.count_down();
    event.set();
    co_await one;
    co_await two;
    CHECK(first == 0);
    CHECK(second == 0);
}
