// SPDX-License-Identifier: MIT
// The time of day jumps by ten years, to and fro, hundreds of times, while jobs sleep, timeouts
// run, an interval ticks, and threads wait for a pool's work, with limits of time, too. Nobody
// notices.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>
#include <thread>

#include <eddy/clock.hpp>
#include <eddy/interval.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "realtime_jump.hpp"
#include "storm.hpp"

#if STORMS_REALTIME_JUMPS

namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
using eddy::Task;

constexpr std::chrono::seconds ten_years = std::chrono::hours(24 * 3653);
constexpr auto most_late = 2s;  // on a machine that has other things to do

struct Tally {
    std::size_t ended = 0;
    std::size_t early = 0;
    std::size_t late = 0;

    void note(Steady::duration took, Steady::duration asked) {
        ++ended;
        early += took < asked ? 1U : 0U;
        late += took > asked + most_late ? 1U : 0U;
    }
};

/// One thread: the time of day goes wherever it likes.
class Jumps final {
public:
    Jumps()
        : thread_([this] {
              while (!stop_) {
                  storms::set_realtime_off_by(count_ % 2 == 0 ? ten_years : -ten_years);
                  ++count_;
                  std::this_thread::sleep_for(1ms);
              }
          }) {}
    Jumps(const Jumps&) = delete;
    Jumps& operator=(const Jumps&) = delete;
    ~Jumps() {
        stop_ = true;
        thread_.join();
        storms::set_realtime_off_by(0s);
    }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }

private:
    std::atomic<bool> stop_{false};
    std::atomic<std::size_t> count_{0};
    std::thread thread_;
};

Task<> sleep_once(Steady::duration length, std::size_t way, Tally& tally) {
    const auto begun = Steady::now();
    if (way == 0) {
        co_await eddy::sleep_for(length);
    } else if (way == 1) {
        co_await eddy::sleep_until(eddy::now() + length);
    } else {
        const bool ended = co_await eddy::move_on_after(length, eddy::sleep_forever());
        static_cast<void>(ended);
    }
    tally.note(Steady::now() - begun, length);
}

/// A thread that has nothing to do for a millisecond ends, and the next call starts one.
Task<> call_now_and_then(Tally& tally) {
    eddy::ThreadPool pool({.threads = 2, .idle_timeout = 1ms, .grace = 5s});
    for (int i = 0; i < 100; ++i) {
        const auto begun = Steady::now();
        co_await eddy::run_in_executor(pool, [] {});
        tally.note(Steady::now() - begun, 0ms);
        co_await eddy::sleep_for(std::chrono::milliseconds(i % 4));
    }
}

/// The grace of a pool, that of a call which does not end before it.
Task<> end_a_pool(Tally& tally) {
    eddy::ThreadPool pool({.threads = 1});
    auto call = eddy::spawn([](eddy::ThreadPool& workers) -> Task<> {
        co_await eddy::run_in_executor(workers, [] { std::this_thread::sleep_for(300ms); });
    }(pool));
    while (pool.statistics().running == 0) {
        co_await eddy::yield();
    }
    const auto begun = Steady::now();
    pool.shutdown(50ms);
    tally.note(Steady::now() - begun, 50ms);
    co_await call.wait();
}

/// A tick has its place, whenever its job came to run.
Task<> tick(Tally& tally) {
    const eddy::TimePoint start = eddy::now();
    eddy::Interval interval(start, 10ms);
    for (int i = 0; i < 50; ++i) {
        co_await interval.tick();
        tally.note(Steady::now() - start, i * 10ms);
    }
}

Task<> storm(std::size_t count, Tally& tally) {
    std::mt19937 random(1);
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        for (std::size_t i = 0; i < count; ++i) {
            group.spawn(sleep_once(std::chrono::microseconds(random() % 700'000), i % 3, tally));
        }
        group.spawn(call_now_and_then(tally));
        group.spawn(end_a_pool(tally));
        group.spawn(tick(tally));
        co_return;
    });
}

bool clock_jumps(std::size_t count) {
    bool good = true;
    for (const eddy::Duration resolution : {0ms, 1ms}) {
        const std::time_t today = std::time(nullptr);
        Tally tally;
        std::size_t jumped = 0;
        bool seen = false;
        const auto begun = Steady::now();
        {
            Jumps jumps;
            while (!seen && Steady::now() - begun < 10s) {
                seen = std::abs(std::time(nullptr) - today) > 1'000;
            }
            eddy::run(storm(count, tally), {}, {.timer_resolution = resolution});
            jumped = jumps.count();
        }
        std::printf("%zu jumps\n", jumped);
        good &= storms::check(seen && jumped > 10, "the time of day jumps");
        good &= storms::check(tally.ended == count + 100 + 1 + 50, "everything ends");
        good &= storms::check(tally.early == 0, "nothing ends early");
        good &= storms::check(tally.late == 0, "nothing ends much too late");
        good &= storms::check(Steady::now() - begun < 20s, "and all of it soon");
    }
    return good;
}

const storms::Registered registered(
    {"clock_jumps", "sleeps while the time of day jumps", 1'000, 20'000, clock_jumps});

}  // namespace

#endif
