// SPDX-License-Identifier: MIT
#include <eddy/try_run_in_executor.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>

#include "offload_kit.hpp"

namespace {

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

/// A pool of one thread, which is held, and a queue of one, which is full.
class FullPool final {
public:
    FullPool() : pool({.threads = 1, .queue_bound = 1}) {}

    Task<> fill() {
        running_ = spawn([](ThreadPool& on, HeldCall& call) -> Task<> {
            static_cast<void>(co_await run_in_executor(on, std::ref(call)));
        }(pool, held_));
        co_await until([this] { return held_.runs == 1; });
        held_.wait_until_it_runs();
        queued_ =
            spawn([](ThreadPool& on) -> Task<> { co_await run_in_executor(on, [] {}); }(pool));
        co_await until([this] { return pool.statistics().queued == 1; });
    }
    Task<> empty() {
        held_.let_go();
        co_await *running_;
        co_await *queued_;
    }

    ThreadPool pool;

private:
    HeldCall held_;
    std::optional<JoinHandle<void>> running_;
    std::optional<JoinHandle<void>> queued_;
};

EDDY_TEST_CASE("a call for which there is room is called, and its result comes back") {
    ThreadPool pool;
    const std::optional<int> sum =
        co_await try_run_in_executor(pool, [](int a, int b) { return a + b; }, 40, 2);
    CHECK(sum == 42);
    int touched = 0;
    const bool ran =
        co_await try_run_in_executor(pool, [](int& value) { value = 1; }, std::ref(touched));
    CHECK(ran);
    CHECK(touched == 1);
    const std::optional<int*> same = co_await try_run_in_executor(
        pool, [](int& value) -> int& { return value; }, std::ref(touched));
    CHECK(same == &touched);
    auto moved = co_await try_run_in_executor(
        pool, [](std::unique_ptr<int> value) { return value; }, std::make_unique<int>(7));
    CHECK((moved.has_value() && **moved == 7));
    const auto home = std::this_thread::get_id();
    const auto there = co_await try_run_in_executor([] { return std::this_thread::get_id(); });
    CHECK((there.has_value() && *there != home));
    const OffloadOptions low{.priority = Priority::low};
    const auto patient = co_await try_run_in_executor(pool, low, [] { return 5; });
    CHECK(patient == 5);
    const auto in_default = co_await try_run_in_executor(low, [] { return 6; });
    CHECK(in_default == 6);
}

EDDY_TEST_CASE("a full queue refuses at once, the call never runs, and is counted apart") {
    FullPool full;
    co_await full.fill();
    Tracked::Log log;
    std::atomic<int> calls{0};
    for (const Priority priority : {Priority::high, Priority::normal, Priority::low}) {
        const OffloadOptions options{.priority = priority};
        const auto refused = co_await try_run_in_executor(
            full.pool, options, [&calls](const Tracked&) { return ++calls; }, Tracked(log));
        CHECK_FALSE(refused.has_value());
        CHECK(log.alive == 0);
    }
    const bool ran = co_await try_run_in_executor(full.pool, [&calls] { ++calls; });
    CHECK_FALSE(ran);
    const ThreadPoolStatistics now = full.pool.statistics();
    CHECK(now.refused == 4);
    CHECK(now.queued == 1);
    CHECK(now.waiting == 0);
    CHECK(now.rejected == 0);
    co_await full.empty();
    CHECK(calls == 0);
    CHECK(full.pool.statistics().done == 2);
    CHECK(full.pool.statistics().withdrawn == 0);
}

EDDY_TEST_CASE("a call that was refused may be awaited again; one that ran may not") {
    FullPool full;
    co_await full.fill();
    auto call = try_run_in_executor(full.pool, [] { return 42; });
    for (int i = 0; i < 3; ++i) {
        const auto refused = co_await call;
        CHECK_FALSE(refused.has_value());
    }
    co_await full.empty();
    const auto value = co_await call;
    CHECK(value == 42);
    CHECK_THROWS_AS(static_cast<void>(co_await call), InvalidState);
}

EDDY_TEST_CASE("who waits for a slot comes first: a try does not pass them") {
    FullPool full;
    co_await full.fill();
    auto waiting = spawn([](ThreadPool& on) -> Task<int> {
        co_return co_await run_in_executor(on, [] { return 1; });
    }(full.pool));
    co_await until([&full] { return full.pool.statistics().waiting == 1; });
    const bool ran = co_await try_run_in_executor(full.pool, [] {});
    CHECK_FALSE(ran);
    co_await full.empty();
    const int value = co_await waiting;
    CHECK(value == 1);
}

EDDY_TEST_CASE("what was submitted without the pool's lock counts, too") {
    ThreadPool pool({.threads = 1, .queue_bound = 1});
    HeldCall held;
    auto busy = spawn([](ThreadPool& on, HeldCall& runs) -> Task<> {
        static_cast<void>(co_await run_in_executor(on, std::ref(runs)));
    }(pool, held));
    co_await until([&held] { return held.runs == 1; });
    held.wait_until_it_runs();
    auto queued =
        spawn([](ThreadPool& on) -> Task<> { co_await run_in_executor(on, [] {}); }(pool));
    co_await rounds();  // and nobody looks at the pool, which would take the lock
    auto tried = spawn([](ThreadPool& on) -> Task<bool> {
        co_return co_await try_run_in_executor(on, [] {});
    }(pool));
    co_await rounds();
    held.let_go();
    co_await busy;
    co_await queued;
    const bool ran = co_await tried;
    CHECK_FALSE(ran);
}

EDDY_TEST_CASE("what a call throws is thrown; a pool that was shut down is no full one") {
    ThreadPool pool;
    const auto fails = []() -> int { throw std::runtime_error("no"); };
    CHECK_THROWS_AS(static_cast<void>(co_await try_run_in_executor(pool, fails)),
                    std::runtime_error);
    pool.shutdown(0s);
    CHECK_THROWS_AS(static_cast<void>(co_await try_run_in_executor(pool, [] { return 1; })),
                    ClosedResource);
    CHECK(pool.statistics().refused == 0);
}

EDDY_TEST_CASE("in a select, a refusal is what happened; a call that lost is withdrawn") {
    FullPool full;
    co_await full.fill();
    auto call = try_run_in_executor(full.pool, [] { return 1; });
    auto got = co_await select(sleep_for(1h), call);
    REQUIRE(got.index() == 1);
    CHECK_FALSE(std::get<1>(got).has_value());
    auto same = co_await select(call, sleep_for(1h));
    CHECK(same.index() == 0);
    co_await full.empty();

    ThreadPool pool({.threads = 1, .queue_bound = 4});
    HeldCall held;
    auto busy = spawn([](ThreadPool& on, HeldCall& runs) -> Task<> {
        static_cast<void>(co_await run_in_executor(on, std::ref(runs)));
    }(pool, held));
    co_await until([&held] { return held.runs == 1; });
    held.wait_until_it_runs();
    std::atomic<int> calls{0};
    auto lost = co_await select(try_run_in_executor(pool, [&calls] { ++calls; }), yield());
    CHECK(lost.index() == 1);
    CHECK(pool.statistics().withdrawn == 1);
    held.let_go();
    co_await busy;
    CHECK(calls == 0);
}

EDDY_TEST_CASE("cancelled while it is queued, a tried call never runs") {
    ThreadPool pool({.threads = 1, .queue_bound = 1});
    HeldCall held;
    auto busy = spawn([](ThreadPool& on, HeldCall& runs) -> Task<> {
        static_cast<void>(co_await run_in_executor(on, std::ref(runs)));
    }(pool, held));
    co_await until([&held] { return held.runs == 1; });
    held.wait_until_it_runs();
    std::atomic<int> calls{0};
    CancelScope scope;
    const auto tries = [&]() -> Task<> {
        static_cast<void>(co_await try_run_in_executor(pool, [&calls] { return ++calls; }));
    };
    auto job = spawn(with_scope(scope, tries()));
    co_await until([&pool] { return pool.statistics().queued == 1; });
    const bool no_room = co_await try_run_in_executor(pool, [] {});
    CHECK_FALSE(no_room);
    scope.cancel();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    CHECK(pool.statistics().withdrawn == 1);
    held.let_go();
    co_await busy;
    CHECK(calls == 0);
}

/// Holds what it is given until it is opened; from then on it runs everything. By its own wish, it
/// has no `try_submit`: it refuses nothing.
class Gated final : public Executor {
public:
    void submit(Work& work) override {
        held_.push_back(&work);
        if (open_) {
            run_all();
        }
    }
    void open() {
        open_ = true;
        run_all();
    }

private:
    void run_all() {
        std::thread([this] {
            for (Work* const work : held_) {
                work->run();
            }
        }).join();
        held_.clear();
    }

    std::vector<Work*> held_;
    bool open_ = false;
};

EDDY_TEST_CASE("an executor that has no try_submit of its own refuses nothing") {
    Gated executor;
    auto value = spawn([](Gated& on) -> Task<std::optional<int>> {
        co_return co_await try_run_in_executor(on, [] { return 9; });
    }(executor));
    co_await rounds();
    executor.open();
    const auto got = co_await value;
    CHECK(got == 9);
}

EDDY_TEST_CASE("what a try_submit throws comes out of the await, and the call may be tried again") {
    class Picky final : public Executor {
    public:
        explicit Picky(ThreadPool& pool) : pool_(pool) {}
        void submit(Work& work) override { pool_.submit(work); }
        bool try_submit(Work& work) override {
            if (std::exchange(broken, false)) {
                throw std::runtime_error("broken");
            }
            return !std::exchange(full, false) && pool_.try_submit(work);
        }
        bool broken = true;
        bool full = true;

    private:
        ThreadPool& pool_;
    };
    ThreadPool pool;
    Picky executor(pool);
    auto call = try_run_in_executor(executor, [] { return 3; });
    CHECK_THROWS_AS(static_cast<void>(co_await call), std::runtime_error);
    const auto refused = co_await call;
    CHECK_FALSE(refused.has_value());
    const auto value = co_await call;
    CHECK(value == 3);
}

EDDY_TEST_CASE(
    "a refusal that comes when another one of its select has won leaves the call as it was") {
    /// Has an opinion of its own about what should happen.
    class Opens final : public Executor {
    public:
        explicit Opens(Gate& gate, ThreadPool& pool) : gate_(gate), pool_(pool) {}
        void submit(Work& work) override { pool_.submit(work); }
        bool try_submit(Work& work) override {
            if (!std::exchange(opened_, true)) {
                gate_.open();
                return false;
            }
            return pool_.try_submit(work);
        }

    private:
        Gate& gate_;
        ThreadPool& pool_;
        bool opened_ = false;
    };
    ThreadPool pool;
    Gate gate;
    Opens executor(gate, pool);
    Tracked::Log log;
    {
        auto call = try_run_in_executor(executor, [](const Tracked&) { return 4; }, Tracked(log));
        const auto got = co_await select(gate.wait(), call);
        CHECK(got.index() == 0);
        CHECK(log.alive == 1);
        const auto value = co_await call;
        CHECK(value == 4);
    }
    CHECK(log.alive == 0);
}

TEST_CASE("a loop that ends with a refusal that nobody has taken yet loses nothing") {
    for (const int grace : {0, 1}) {
        Tracked::Log log;
        ThreadPool pool({.threads = 1, .queue_bound = 1});
        HeldCall held;
        VirtualClock clock;
        {
            Loop loop({.clock = &clock});
            const auto main = [&]() -> Task<> {
                spawn([](ThreadPool& on, HeldCall& call) -> Task<> {
                    const OffloadOptions alone{.on_cancel = OnCancel::abandon};
                    static_cast<void>(co_await run_in_executor(on, alone, std::ref(call)));
                }(pool, held))
                    .detach();
                co_await until([&held] { return held.runs == 1; });
                held.wait_until_it_runs();
                spawn([](ThreadPool& on) -> Task<> { co_await run_in_executor(on, [] {}); }(pool))
                    .detach();
                co_await until([&pool] { return pool.statistics().queued == 1; });
                spawn([](ThreadPool& on, Tracked::Log& of) -> Task<> {
                    static_cast<void>(
                        co_await shield([](ThreadPool& to, Tracked::Log& in) -> Task<bool> {
                            co_return co_await try_run_in_executor(
                                to, [](const Tracked&) {}, Tracked(in));
                        }(on, of)));
                }(pool, log))
                    .detach();
                co_await until([&pool] { return pool.statistics().refused == 1; });
            };
            loop.run(main(), {.grace = std::chrono::seconds(grace)});
        }
        CHECK(log.alive == 0);
        held.let_go();
    }
}

EDDY_TEST_CASE("many jobs that try share what room there is: each has its result or a refusal") {
    ThreadPool pool({.threads = 2, .queue_bound = 4});
    std::atomic<int> calls{0};
    int values = 0;
    int refusals = 0;
    int wrong = 0;
    const auto tries = [&](int mine) -> Task<> {
        for (int i = 0; i < 20; ++i) {
            const auto square = co_await try_run_in_executor(
                pool,
                [&calls](int number) {
                    ++calls;
                    return number * number;
                },
                mine);
            values += square ? 1 : 0;
            refusals += square ? 0 : 1;
            wrong += square && *square != mine * mine ? 1 : 0;
        }
    };
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        for (int i = 0; i < 50; ++i) {
            group.spawn(tries(i));
        }
        co_return;
    });
    CHECK(values + refusals == 1000);
    CHECK(values == calls);
    CHECK(wrong == 0);
    const ThreadPoolStatistics now = pool.statistics();
    CHECK(now.done == static_cast<std::uint64_t>(values));
    CHECK(now.refused == static_cast<std::uint64_t>(refusals));
    CHECK(refusals > 0);
}

/// As a task: a call that was taken in is awaited once, and virtual time stands still for it.
class TryFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit TryFixture(VirtualClock&) {}
    ~TryFixture() { executor_.open(); }
    Task<> prepare() { co_return; }
    Task<> wait() {
        const auto value = co_await try_run_in_executor(executor_, [] { return 1; });
        CHECK(value == 1);
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { executor_.open(); }
    bool intact() const { return true; }

private:
    Gated executor_;
};

}  // namespace

EDDY_WAIT_MATRIX("try_run_in_executor", TryFixture)
