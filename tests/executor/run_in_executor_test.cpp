// SPDX-License-Identifier: MIT
#include <eddy/run_in_executor.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "offload_kit.hpp"

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

namespace {

std::thread::id current_thread() { return std::this_thread::get_id(); }

struct Multiplier {
    int factor;
    int times(int value) const { return factor * value; }
};

}  // namespace

EDDY_TEST_CASE("a function is called with its arguments and its value comes back") {
    ThreadPool pool;
    const int sum = co_await run_in_executor(pool, [](int a, int b) { return a + b; }, 40, 2);
    CHECK(sum == 42);
    const std::size_t length =
        co_await run_in_executor(pool, &std::string::size, std::string("four"));
    CHECK(length == 4);
    const int product = co_await run_in_executor(pool, &Multiplier::times, Multiplier{6}, 7);
    CHECK(product == 42);
}

EDDY_TEST_CASE("a call never runs on the loop's thread") {
    ThreadPool pool;
    const auto there = co_await run_in_executor(pool, current_thread);
    CHECK(there != std::this_thread::get_id());
    const auto in_default_pool = co_await run_in_executor(current_thread);
    CHECK(in_default_pool != std::this_thread::get_id());
}

EDDY_TEST_CASE("nothing, move-only values and references come back") {
    ThreadPool pool;
    int touched = 0;
    co_await run_in_executor(pool, [](int& value) { value = 1; }, std::ref(touched));
    CHECK(touched == 1);
    const auto doubled = co_await run_in_executor(
        pool,
        [](std::unique_ptr<int> value) {
            *value *= 2;
            return value;
        },
        std::make_unique<int>(21));
    CHECK(*doubled == 42);
    int& same =
        co_await run_in_executor(pool, [](int& value) -> int& { return value; }, std::ref(touched));
    CHECK(&same == &touched);
}

EDDY_TEST_CASE("whatever a call throws comes out of the await") {
    ThreadPool pool;
    int caught_number = 0;
    std::string caught_text;
    try {
        co_await run_in_executor(pool, [] { throw 42; });
    } catch (int number) {
        caught_number = number;
    }
    CHECK(caught_number == 42);
    try {
        const int none = co_await run_in_executor(
            pool,
            [](const std::string& text) -> int { throw std::runtime_error(text); },
            std::string("no such file"));
        CHECK(none == 0);
    } catch (const std::runtime_error& error) {
        caught_text = error.what();
    }
    CHECK(caught_text == "no such file");
    const int after = co_await run_in_executor(pool, [] { return 7; });
    CHECK(after == 7);
}

EDDY_TEST_CASE("a function that takes a stop token first is given one") {
    ThreadPool pool;
    const bool possible = co_await run_in_executor(
        pool, [](std::stop_token stop, int) { return stop.stop_possible(); }, 1);
    CHECK(possible);
    const bool here = co_await run_in_executor(
        pool, [](const std::stop_token& stop) { return stop == current_stop_token(); });
    CHECK(here);
    CHECK_FALSE(current_stop_token().stop_possible());
}

EDDY_TEST_CASE("function and arguments are destroyed on the worker, before the await ends") {
    ThreadPool pool;
    Tracked::Log log;
    {
        Tracked argument(log);
        auto fn = [captured = Tracked(log)](const Tracked&) { static_cast<void>(captured); };
        co_await run_in_executor(pool, own(fn), argument);
        CHECK(log.alive == 2);  // ours
        CHECK(log.destroyed_on_worker == 2);
    }
    CHECK(log.alive == 0);
}

EDDY_TEST_CASE("a call that is never awaited never runs and leaks nothing") {
    ThreadPool pool;
    Tracked::Log log;
    {
        auto call = run_in_executor(pool, [](const Tracked&) { return 1; }, Tracked(log));
        CHECK(log.alive == 1);
        static_cast<void>(call);
    }
    CHECK(log.alive == 0);
    CHECK(pool.statistics().done == 0);
    CHECK(pool.statistics().threads == 0);
    co_return;
}

EDDY_TEST_CASE("awaiting a call twice is InvalidState") {
    ThreadPool pool;
    auto call = run_in_executor(pool, [] { return 1; });
    const int first = co_await call;
    CHECK(first == 1);
    bool refused = false;
    try {
        const int second = co_await call;
        CHECK(second == 0);
    } catch (const InvalidState&) {
        refused = true;
    }
    CHECK(refused);
}

EDDY_TEST_CASE("a call that was cancelled, or lost a select, is not awaited again either") {
    ThreadPool pool({.threads = 1});
    HeldCall held;
    auto busy = eddy::spawn([&]() -> Task<> {
        const int value = co_await run_in_executor(pool, std::ref(held));
        CHECK(value == 42);
    });
    co_await until([&] { return held.runs == 1; });
    held.wait_until_it_runs();
    const auto refuses = [](auto& call) -> Task<bool> {
        bool refused = false;
        try {
            static_cast<void>(co_await call);
        } catch (const InvalidState&) {
            refused = true;
        }
        co_return refused;
    };
    std::atomic<int> runs{0};
    auto queued = run_in_executor(pool, [&runs] { return ++runs; });
    const auto lost = co_await eddy::select(queued, eddy::yield());
    CHECK(lost.index() == 1);
    const bool after_select = co_await refuses(queued);
    CHECK(after_select);
    auto cancelled = run_in_executor(pool, [&runs] { return ++runs; });
    eddy::CancelScope scope;
    auto waits = [](auto& call) -> Task<> { static_cast<void>(co_await call); };
    auto job = eddy::spawn(eddy::with_scope(scope, waits(cancelled)));
    co_await rounds();
    scope.cancel();
    static_cast<void>(co_await job);
    const bool after_cancel = co_await refuses(cancelled);
    CHECK(after_cancel);
    held.let_go();
    co_await busy;
    CHECK(runs == 0);
    CHECK(pool.statistics().withdrawn == 2);
}

EDDY_TEST_CASE("a call that its executor refused can be awaited again") {
    class Refuses final : public eddy::Executor {
    public:
        explicit Refuses(ThreadPool& pool) : pool_(pool) {}
        void submit(eddy::Work& work) override {
            if (refuse) {
                throw std::runtime_error("no room");
            }
            pool_.submit(work);
        }
        bool refuse = true;

    private:
        ThreadPool& pool_;
    };
    ThreadPool pool;
    Refuses executor(pool);
    auto call = run_in_executor(executor, [] { return 5; });
    bool refused = false;
    try {
        static_cast<void>(co_await call);
    } catch (const std::runtime_error&) {
        refused = true;
    }
    CHECK(refused);
    executor.refuse = false;
    const int value = co_await call;
    CHECK(value == 5);
}

EDDY_TEST_CASE("large and over-aligned arguments are fine") {
    ThreadPool pool;
    struct alignas(64) Aligned {
        int value = 42;
    };
    const auto place = co_await run_in_executor(
        pool,
        [](const Aligned& data) { return reinterpret_cast<std::uintptr_t>(&data) % 64; },
        Aligned());
    CHECK(place == 0);
    std::array<int, 4096> numbers{};
    numbers.back() = 5;
    const int last = co_await run_in_executor(
        pool, [](const std::array<int, 4096>& all) { return all.back(); }, numbers);
    CHECK(last == 5);
}

EDDY_TEST_CASE("many jobs offload at once and each gets its own result") {
    ThreadPool pool({.threads = 2});
    int wrong = 0;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        for (int i = 0; i < 500; ++i) {
            group.spawn(
                [](ThreadPool& workers, int mine, int& bad) -> Task<> {
                    const int square =
                        co_await run_in_executor(workers, [](int n) { return n * n; }, mine);
                    bad += square == mine * mine ? 0 : 1;
                },
                std::ref(pool),
                i,
                std::ref(wrong));
        }
        co_return;
    });
    CHECK(wrong == 0);
    CHECK(pool.statistics().done == 500);
}

EDDY_TEST_CASE("the loop goes on while a call runs") {
    ThreadPool pool;
    HeldCall call;
    int turns = 0;
    auto handle = spawn(
        [](ThreadPool& workers, HeldCall& held) -> Task<int> {
            co_return co_await run_in_executor(workers, std::ref(held));
        },
        std::ref(pool),
        std::ref(call));
    co_await rounds();
    call.wait_until_it_runs();
    for (; turns < 100; ++turns) {
        co_await yield();
    }
    CHECK_FALSE(handle.done());
    call.let_go();
    const int value = co_await handle;
    CHECK(value == 42);
}

EDDY_TEST_CASE("virtual time stands still while a call is queued or runs") {
    ThreadPool pool({.threads = 1});
    HeldCall call;
    bool slept = false;
    auto sleeper = spawn(
        [](bool& over) -> Task<> {
            co_await sleep_for(1h);
            over = true;
        },
        std::ref(slept));
    auto first =
        spawn([](ThreadPool& workers,
                 HeldCall& held) -> Task<> { co_await run_in_executor(workers, std::ref(held)); },
              std::ref(pool),
              std::ref(call));
    auto second = spawn(
        [](ThreadPool& workers, bool& over) -> Task<bool> {
            co_await run_in_executor(workers, [] {});
            co_return over;
        },
        std::ref(pool),
        std::ref(slept));
    co_await rounds();
    call.wait_until_it_runs();
    for (int i = 0; i < 100; ++i) {
        co_await yield();
    }
    CHECK_FALSE(slept);
    call.let_go();
    const bool slept_before = co_await second;
    CHECK_FALSE(slept_before);
    co_await first;
    co_await sleeper;
    CHECK(slept);
}
