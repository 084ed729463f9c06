// SPDX-License-Identifier: MIT
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <latch>
#include <memory>
#include <semaphore>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/set_log.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>

#include "offload_kit.hpp"

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

namespace {

constexpr Duration long_time = 1h;

/// What became of an offload.
enum class End { none, value, closed, cancelled, loop_closed };

template <class F, class... Args>
Task<> offload(End& end, Executor& executor, F fn, Args... args) {
    try {
        co_await run_in_executor(executor, own(fn), std::move(args)...);
        end = End::value;
    } catch (const ClosedResource&) {
        end = End::closed;
    } catch (const LoopClosed&) {
        end = End::loop_closed;
    } catch (const Cancelled&) {
        end = End::cancelled;
        throw;
    }
}

int hold(HeldCall& call) { return call(); }

/// Ends when the pool asks it to, which it does after it has emptied its queue.
void until_stopped(const std::stop_token& stop, std::counting_semaphore<>& started) {
    started.release();
    while (!stop.stop_requested()) {
        std::this_thread::yield();
    }
}

}  // namespace

// --- the pool ends first -------------------------------------------------------------------------

EDDY_TEST_CASE("the pool ends with calls queued: they end with ClosedResource and never run") {
    auto pool = std::make_unique<ThreadPool>(
        ThreadPoolOptions{.threads = 1, .queue_bound = 2, .grace = long_time});
    std::counting_semaphore<> started{0};
    End running = End::none;
    std::vector<End> ends(5, End::none);
    int runs = 0;
    auto first = spawn(offload(running, *pool, until_stopped, std::ref(started)));
    co_await rounds();
    started.acquire();
    std::vector<JoinHandle<void>> handles;
    for (End& end : ends) {
        handles.push_back(spawn(offload(end, *pool, [](int& count) { ++count; }, std::ref(runs))));
    }
    co_await rounds();
    CHECK(pool->statistics().waiting == 3);
    pool.reset();
    for (auto& handle : handles) {
        co_await handle;
    }
    co_await first;
    for (const End end : ends) {
        CHECK(end == End::closed);
    }
    CHECK(running == End::value);
    CHECK(runs == 0);
}

EDDY_TEST_CASE("the pool ends while calls run: they are asked to stop and awaited") {
    auto pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.threads = 2, .grace = long_time});
    std::counting_semaphore<> started{0};
    End one = End::none;
    End two = End::none;
    auto first = spawn(offload(one, *pool, until_stopped, std::ref(started)));
    auto second = spawn(offload(two, *pool, until_stopped, std::ref(started)));
    co_await rounds();
    started.acquire();
    started.acquire();
    pool.reset();
    co_await first;
    co_await second;
    CHECK(one == End::value);
    CHECK(two == End::value);
}

EDDY_TEST_CASE("the pool ends with results finished but not delivered: they are delivered") {
    auto pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.grace = long_time});
    HeldCall call;
    End end = End::none;
    auto handle = spawn(offload(end, *pool, hold, std::ref(call)));
    co_await rounds();
    call.wait_until_it_runs();
    call.let_go();
    pool.reset();  // no turn of the loop until it is gone
    co_await handle;
    CHECK(end == End::value);
}

EDDY_TEST_CASE("the pool ends while a call ignores it: detached, and its result still arrives") {
    auto pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.threads = 1, .grace = 0s});
    auto call = std::make_shared<HeldCall>();
    End end = End::none;
    auto handle =
        spawn(offload(end, *pool, [](const std::shared_ptr<HeldCall>& held) { (*held)(); }, call));
    co_await rounds();
    call->wait_until_it_runs();
    pool.reset();
    CHECK_FALSE(handle.done());
    call->let_go();
    co_await handle;
    CHECK(end == End::value);
}

EDDY_TEST_CASE("a pool that was shut down refuses calls with ClosedResource") {
    ThreadPool pool;
    co_await run_in_executor(pool, [] {});
    pool.shutdown(long_time);
    End end = End::none;
    co_await offload(end, pool, [] {});
    CHECK(end == End::closed);
    CHECK(pool.statistics().rejected == 1);
    CHECK(pool.statistics().threads == 0);
    pool.shutdown(0s);
}

TEST_CASE("a negative grace of a pool is none") {
    for (const Duration time : {Duration(-1s), Duration::min()}) {
        HeldCall call;
        ThreadPool pool({.threads = 1});
        run([](ThreadPool& threads, HeldCall& held, Duration grace) -> Task<> {
            auto waits = eddy::spawn([](ThreadPool& t, HeldCall& h) -> Task<> {
                co_await run_in_executor(t, [&h] { h(); });
            }(threads, held));
            co_await rounds();
            held.wait_until_it_runs();
            threads.shutdown(grace);  // the call goes on, on a thread that is left alone
            held.let_go();
            co_await waits;
        }(pool, call, time));
    }
}

namespace {

std::atomic<int> said_by_pools = 0;

}  // namespace

TEST_CASE("a pool that ends at once does not take threads without a call for calls that run") {
    said_by_pools = 0;
    set_log([](LogLevel, std::string_view) noexcept { ++said_by_pools; });
    run([]() -> Task<> {
        constexpr int threads = 16;  // too many to have ended by the time that the pool looks
        ThreadPool pool({.threads = threads});
        std::latch all(threads);
        co_await with_task_group([&](TaskGroup& group) -> Task<> {
            for (int i = 0; i < threads; ++i) {
                group.spawn([&]() -> Task<> {
                    co_await run_in_executor(pool, [&] { all.arrive_and_wait(); });
                });
            }
            co_return;
        });
        pool.shutdown(Duration::zero());
    }());
    set_log(nullptr);
    CHECK(said_by_pools == 0);
}

EDDY_TEST_CASE("a call withdrawn just before the pool ends is gone from it") {
    auto pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.threads = 1});
    HeldCall blocker;
    End running = End::none;
    End queued = End::none;
    auto first = spawn(offload(running, *pool, hold, std::ref(blocker)));
    co_await rounds();
    blocker.wait_until_it_runs();
    auto second = spawn(offload(queued, *pool, [] {}));
    co_await rounds();
    second.cancel();
    std::thread helper([&blocker] { blocker.let_go(); });
    pool.reset();
    helper.join();
    co_await second.wait();
    co_await first;
    CHECK(queued == End::cancelled);
    CHECK(running == End::value);
}

namespace {

/// The same pool, but who withdraws a call is held between two steps of that: the call is taken
/// back, and the pool does not know yet.
class SlowToWithdraw final : public Executor {
public:
    SlowToWithdraw(ThreadPool& pool, std::function<void()> before)
        : pool_(pool), before_(std::move(before)) {}

    void submit(Work& work) override { pool_.submit(work); }
    void withdraw(Work& work) noexcept override {
        before_();
        pool_.withdraw(work);
    }

private:
    ThreadPool& pool_;
    std::function<void()> before_;
};

}  // namespace

EDDY_TEST_CASE("a pool that ends waits for who withdraws a call, and rejects the others") {
    for (const std::size_t withdrawn : {0U, 1U, 2U}) {  // the last one waits for a slot
        ThreadPool pool({.threads = 1, .queue_bound = 2});
        std::thread ends;
        std::atomic<bool> ended{false};
        SlowToWithdraw slow(pool, [&] {
            ends = std::thread([&] {
                pool.shutdown(long_time);
                ended = true;
            });
            // The queue is emptied, then the call that runs is asked to stop, then its thread ends.
            while (pool.statistics().threads != 0) {
                std::this_thread::yield();
            }
            CHECK_FALSE(ended);
        });
        std::counting_semaphore<> started{0};
        End running = End::none;
        std::vector<End> ends_of(3, End::none);
        int runs = 0;
        auto first = spawn(offload(running, pool, until_stopped, std::ref(started)));
        co_await rounds();
        started.acquire();
        std::vector<JoinHandle<void>> queued;
        for (End& end : ends_of) {
            queued.push_back(
                spawn(offload(end, slow, [](int& count) { ++count; }, std::ref(runs))));
            co_await rounds();
        }
        CHECK(pool.statistics().queued == 2);
        CHECK(pool.statistics().waiting == 1);
        queued[withdrawn].cancel();
        ends.join();
        CHECK(ended);
        for (auto& call : queued) {
            co_await call.wait();
        }
        co_await first;
        CHECK(running == End::value);
        CHECK(runs == 0);
        for (std::size_t i = 0; i < ends_of.size(); ++i) {
            CHECK(ends_of[i] == (i == withdrawn ? End::cancelled : End::closed));
        }
        const ThreadPoolStatistics statistics = pool.statistics();
        CHECK(statistics.done == 1);
        CHECK(statistics.withdrawn == 1);
        CHECK(statistics.rejected == 2);
        CHECK(statistics.queued + statistics.waiting + statistics.running == 0);
    }
}

EDDY_TEST_CASE("a pool may be destroyed by one of its own calls") {
    auto pool = std::make_shared<ThreadPool>(ThreadPoolOptions{.threads = 1, .grace = long_time});
    ThreadPool& raw = *pool;
    End end = End::none;
    auto destroy = [owner = std::move(pool)]() mutable { owner.reset(); };
    co_await offload(end, raw, std::move(destroy));
    CHECK(end == End::value);
}

// --- the loop ends first -------------------------------------------------------------------------

TEST_CASE("the loop ends with calls queued and running: withdrawn, and awaited") {
    ThreadPool pool({.threads = 1});
    VirtualClock clock;
    HeldCall blocker;
    End running = End::none;
    End queued = End::none;
    int runs = 0;
    Loop loop({.clock = &clock});
    std::thread helper;
    loop.run([](ThreadPool& workers,
                HeldCall& held,
                End& first,
                End& second,
                int& count,
                std::thread& releaser) -> Task<> {
        spawn(offload(first, workers, hold, std::ref(held))).detach();
        spawn(offload(second, workers, [](int& out) { ++out; }, std::ref(count))).detach();
        co_await rounds();
        held.wait_until_it_runs();
        releaser = std::thread([&held, &second] {
            static_cast<void>(second);
            held.let_go();
        });
    }(pool, blocker, running, queued, runs, helper));
    helper.join();
    CHECK(running == End::value);
    CHECK((queued == End::cancelled || queued == End::value));
    CHECK(runs == (queued == End::value ? 1 : 0));
    CHECK(pool.statistics().withdrawn + pool.statistics().done == 2);
}

namespace {

/// A call that goes on when it is to stop, and lets the loop's grace run out meanwhile.
struct StubbornCall {
    std::binary_semaphore begun{0};
    HeldCall held;
    VirtualClock clock;

    static void run(const std::stop_token& stop,
                    const std::shared_ptr<StubbornCall>& self,
                    const LoopHandle& loop) {
        self->begun.release();
        while (!stop.stop_requested()) {
            std::this_thread::yield();
        }
        static_cast<void>(loop.post([self] { self->clock.advance(long_time); }));
        self->held();
    }
};

/// A main job that ends while the call runs.
Task<> leave_it_running(ThreadPool* pool, std::shared_ptr<StubbornCall> call, End& end) {
    spawn(offload(end,
                  pool != nullptr ? *pool : default_pool(),
                  StubbornCall::run,
                  call,
                  Loop::current().handle()))
        .detach();
    co_await rounds();
    call->begun.acquire();
}

}  // namespace

TEST_CASE(
    "the loop's grace ends while a call runs: LoopClosed, reported, and the call goes on alone") {
    auto pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.threads = 1, .grace = 0s});
    auto call = std::make_shared<StubbornCall>();
    RecordingObserver observer;
    End end = End::none;
    {
        Loop loop({.clock = &call->clock, .observer = &observer});
        loop.run(leave_it_running(pool.get(), call, end));
    }
    CHECK(end == End::loop_closed);
    REQUIRE(observer.abandoned.size() == 1);
    CHECK(observer.abandoned.front().find("run_in_executor") != std::string::npos);
    CHECK(pool->statistics().running == 1);
    call->held.let_go();
    pool->shutdown(long_time);
    CHECK(pool->statistics().done == 1);
    CHECK(pool->statistics().running == 0);
}

TEST_CASE("the default pool ends with its loop, without waiting for a call that ignores that") {
    auto call = std::make_shared<StubbornCall>();
    RecordingObserver observer;
    End end = End::none;
    {
        Loop loop({.clock = &call->clock, .observer = &observer});
        loop.run(leave_it_running(nullptr, call, end));
    }
    CHECK(end == End::loop_closed);
    call->held.wait_until_it_runs();  // it still does
    call->held.let_go();
}

TEST_CASE("a result that is finished when the loop's grace ends is still returned") {
    VirtualClock clock;
    RecordingObserver observer;
    ThreadPool pool({.threads = 1});
    HeldCall call;
    End end = End::none;
    Loop loop({.clock = &clock, .observer = &observer});
    loop.run([](ThreadPool& workers, VirtualClock& hands, HeldCall& held, End& out) -> Task<> {
        spawn(offload(out, workers, hold, std::ref(held))).detach();
        // Ends the call in the very turn in which the grace ends, after that turn has looked into
        // the inbox: the loop does not look again before it cuts its waits off.
        spawn(shield(
                  [](ThreadPool& inner, VirtualClock& time, HeldCall& inner_held) -> Task<> {
                      Gate next_turn;
                      co_await rounds();
                      inner_held.wait_until_it_runs();
                      co_await until(
                          [] { return Loop::current().core().root.scope.cancel_called; });
                      time.advance(long_time);
                      CHECK(Loop::current().post([&next_turn] { next_turn.open(); }));
                      co_await next_turn.wait();
                      inner_held.let_go();
                      inner.shutdown(long_time);
                  },
                  std::ref(workers),
                  std::ref(hands),
                  std::ref(held)))
            .detach();
        co_await rounds();
    }(pool, clock, call, end));
    CHECK(end == End::value);
    CHECK(loop.statistics().jobs_alive == 0);
}

TEST_CASE("many queued and some running calls: every one ends one way, whatever goes first") {
    for (int round = 0; round < 20; ++round) {
        constexpr int count = 500;
        std::vector<End> ends(count, End::none);
        std::atomic<int> runs{0};
        VirtualClock clock;
        RecordingObserver observer;
        Loop loop({.clock = &clock, .observer = &observer});
        auto pool = std::make_unique<ThreadPool>(
            ThreadPoolOptions{.threads = 2, .queue_bound = 100, .grace = long_time});
        loop.run([](std::unique_ptr<ThreadPool>& workers,
                    std::vector<End>& out,
                    std::atomic<int>& counter,
                    bool pool_first) -> Task<> {
            for (End& end : out) {
                spawn(offload(
                          end, *workers, [](std::atomic<int>& c) { ++c; }, std::ref(counter)))
                    .detach();
            }
            co_await rounds();
            if (pool_first) {
                workers.reset();
            }
        }(pool, ends, runs, round % 2 == 0));
        int values = 0;
        for (const End end : ends) {
            CHECK(end != End::none);
            CHECK(end != End::loop_closed);
            values += end == End::value ? 1 : 0;
        }
        CHECK(values == runs);
        CHECK(observer.failures.empty());
    }
}
