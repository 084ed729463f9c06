// SPDX-License-Identifier: MIT
#include <eddy/loop.hpp>

#include <chrono>
#include <climits>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <eddy/detail/turn.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::detail::Turn;
using eddy::testing::Gate;
using Log = std::vector<std::string>;

eddy::Task<> note_after(Log& log, eddy::Duration delay, std::string text) {
    co_await eddy::sleep_for(delay);
    log.push_back(text);
}

eddy::Task<> note(Log& log, std::string text) {
    log.push_back(text);
    co_return;
}

eddy::Task<> count_up(int& count) {
    ++count;
    co_return;
}

eddy::Task<> spin(const bool& stop, long long& turns) {
    while (!stop) {
        ++turns;
        co_await eddy::yield();
    }
}

eddy::Task<> pass(Gate& gate) { co_await gate.wait(); }

/// Writes down when a deadline or a waker makes a job ready.
class Scheduling final : public eddy::Observer {
public:
    explicit Scheduling(Log& log) : log_(log) {}
    [[nodiscard]] std::uint32_t hooks() const noexcept override { return scheduled; }
    void job_scheduled(const eddy::JobInfo& job) override {
        log_.push_back("ready " + std::string(job.name));
    }

private:
    Log& log_;
};

/// Keeps this thread busy; libuv's idea of the time gets old.
void burn(eddy::Duration time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
    }
}

}  // namespace

EDDY_TEST_CASE_FIFO("a turn takes posted functions first, then due deadlines, then ready jobs") {
    Log log;
    eddy::Loop& loop = eddy::Loop::current();
    loop.spawn(note_after(log, 1s, "slept"), {.name = "sleeper"});
    co_await eddy::testing::settle();

    Scheduling observer(log);
    loop.add_observer(observer);
    const bool accepted = loop.post([&log] {
        eddy::testing::test_clock().advance(1s);
        log.emplace_back("posted");
        eddy::spawn(note(log, "ran"), {.name = "runner"});
    });
    CHECK(accepted);
    co_await eddy::testing::settle();
    loop.remove_observer(observer);

    const Log expected = {"posted", "ready runner", "ready sleeper", "slept", "ran", "ready main"};
    CHECK(log == expected);
}

EDDY_TEST_CASE_FIFO("due deadlines come in order of time, equal ones in order of registration") {
    Log log;
    char letter = 'a';
    for (const int delay : {30, 10, 20, 10, 30, 20}) {
        const std::string name = std::to_string(delay) + " " + letter++;
        eddy::spawn(note_after(log, std::chrono::milliseconds(delay), name));
    }
    eddy::spawn(note_after(log, 10ms, "10 last"));
    co_await eddy::testing::settle();
    eddy::testing::test_clock().advance(30ms);
    co_await eddy::testing::settle();
    const Log expected = {"10 b", "10 d", "10 last", "20 c", "20 f", "30 a", "30 e"};
    CHECK(log == expected);
}

EDDY_TEST_CASE("sleepers with different deadlines wake in order of time under every schedule") {
    Log log;
    for (const int delay : {50, 10, 40, 20, 30}) {
        eddy::spawn(note_after(log, std::chrono::milliseconds(delay), std::to_string(delay)));
    }
    co_await eddy::sleep_for(1s);
    const Log expected = {"10", "20", "30", "40", "50"};
    CHECK(log == expected);
}

EDDY_TEST_CASE_FIFO("ready jobs run first in first out") {
    Log log;
    for (const char* name : {"a", "b", "c", "d"}) {
        eddy::spawn(note(log, name));
    }
    CHECK(log.empty());
    co_await eddy::yield();
    const Log expected = {"a", "b", "c", "d"};
    CHECK(log == expected);
}

EDDY_TEST_CASE_FIFO("after 256 resumptions the loop looks at the world again") {
    int ran = 0;
    int ran_when_posted = -1;
    const int jobs = 2 * Turn::whole + 88;
    for (int i = 0; i < jobs; ++i) {
        eddy::spawn(count_up(ran));
    }
    const bool accepted = eddy::Loop::current().post([&] { ran_when_posted = ran; });
    CHECK(accepted);
    co_await eddy::testing::settle();
    CHECK(ran == jobs);
    CHECK(ran_when_posted == Turn::whole - 1);  // this job's step was the turn's first
}

EDDY_TEST_CASE("a job that spins on yield does not starve a posted function") {
    bool stop = false;
    long long turns = 0;
    const bool accepted = eddy::Loop::current().post([&] { stop = true; });
    CHECK(accepted);
    co_await spin(stop, turns);
    CHECK(turns > 0);
    CHECK(turns <= Turn::whole + 1);
}

TEST_CASE("a job that spins on yield does not starve a timer") {
    bool stop = false;
    long long turns = 0;
    eddy::run([](bool& finished, long long& count) -> eddy::Task<> {
        eddy::spawn(spin(finished, count));
        co_await eddy::sleep_for(2ms);
        finished = true;
    }(stop, turns));
    CHECK(turns > 0);
}

EDDY_TEST_CASE("a completion in the same turn as the deadline wins") {
    Gate gate;
    const bool accepted = eddy::Loop::current().post([&] {
        eddy::testing::test_clock().advance(1s);
        gate.open();
    });
    CHECK(accepted);
    const bool completed = co_await eddy::move_on_after(1s, pass(gate));
    CHECK(completed);
}

EDDY_TEST_CASE("a deadline in an earlier turn than the completion wins") {
    Gate gate;
    const bool accepted =
        eddy::Loop::current().post([] { eddy::testing::test_clock().advance(1s); });
    CHECK(accepted);
    const bool completed = co_await eddy::move_on_after(1s, pass(gate));
    CHECK_FALSE(completed);
}

TEST_CASE("a sleep on the real clock is never early, nor on a loop that was busy") {
    const auto main = []() -> eddy::Task<> {
        int early = 0;
        for (const int microseconds : {0, 1, 100, 999, 1000, 1001, 1999, 2500}) {
            const eddy::Duration delay = std::chrono::microseconds(microseconds) + 1ns;
            for (const bool busy : {false, true}) {
                if (busy) {
                    burn(500us);
                }
                const auto start = std::chrono::steady_clock::now();
                co_await eddy::sleep_for(delay);
                early += std::chrono::steady_clock::now() - start < delay ? 1 : 0;
            }
        }
        CHECK(early == 0);
    };
    eddy::run(main());
}

TEST_CASE("deadlines far apart on the real clock are never early, shorter ones come first") {
    const auto main = []() -> eddy::Task<> {
        Log log;
        const auto start = std::chrono::steady_clock::now();
        eddy::spawn(note_after(log, 24h, "never"));
        eddy::spawn(note_after(log, 4ms, "4"));
        eddy::spawn(note_after(log, 2ms, "2"));
        co_await eddy::sleep_for(3ms);
        eddy::spawn(note_after(log, 0ms, "0"));
        co_await eddy::sleep_for(3ms);
        const auto slept = std::chrono::steady_clock::now() - start;
        CHECK(slept >= 6ms);
        const Log expected = {"2", "0", "4"};
        CHECK(log.size() == expected.size());
        CHECK(log.front() == "2");
    };
    eddy::run(main());
}

TEST_CASE("huge, tiny and negative sleeps neither overflow nor fire early") {
    const eddy::Duration year = std::chrono::hours(24 * 365);
    const std::vector<eddy::Duration> huge = {std::chrono::milliseconds(INT_MAX),
                                              std::chrono::milliseconds(INT64_C(1) + INT_MAX),
                                              std::chrono::milliseconds(INT64_C(1) + UINT32_MAX),
                                              100 * year,
                                              291 * year,
                                              eddy::Duration::max() - 1ns,
                                              eddy::Duration::max()};
    const std::vector<eddy::Duration> small = {
        0ns, -1ns, 1ns, -1s, -100 * year, eddy::Duration::min()};
    const auto main = [&]() -> eddy::Task<> {
        for (const eddy::Duration delay : huge) {
            const bool woke = co_await eddy::move_on_after(
                1ms, [](eddy::Duration d) -> eddy::Task<> { co_await eddy::sleep_for(d); }, delay);
            CHECK_FALSE(woke);
        }
        for (const eddy::Duration delay : small) {
            co_await eddy::sleep_for(delay);
            co_await eddy::sleep_until(eddy::after(eddy::now(), delay));
        }
        co_await eddy::sleep_until(eddy::TimePoint::min());
    };
    eddy::run(main());
}

EDDY_TEST_CASE("the virtual clock sleeps a hundred years to the nanosecond") {
    const eddy::Duration year = std::chrono::hours(24 * 365);
    const eddy::Duration delays[] = {
        0ns, -1ns, eddy::Duration::min(), 1ns, std::chrono::milliseconds(INT_MAX), 100 * year};
    eddy::Duration expected{};
    for (const eddy::Duration delay : delays) {
        co_await eddy::sleep_for(delay);
        expected += delay > 0ns ? delay : 0ns;
        CHECK(eddy::now().time_since_epoch() == expected);
    }
    const bool woke = co_await eddy::move_on_after(
        1h,
        [](eddy::Duration d) -> eddy::Task<> { co_await eddy::sleep_for(d); },
        eddy::Duration::max());
    CHECK_FALSE(woke);
    CHECK(eddy::now().time_since_epoch() == expected + 1h);
}

EDDY_TEST_CASE("strict checkpoints are off by default: an open gate does not yield") {
    Log log;
    Gate gate;
    gate.open();
    eddy::spawn(note(log, "other"));
    co_await gate.wait();
    CHECK(log.empty());
    co_await eddy::testing::settle();
    CHECK(log.size() == 1);
}

TEST_CASE("strict checkpoints yield where an operation could finish at once") {
    Log log;
    const auto main = [&]() -> eddy::Task<> {
        Gate gate;
        gate.open();
        eddy::spawn(note(log, "other"));
        co_await gate.wait();
        CHECK(log.size() == 1);
    };
    eddy::run(main(), {}, {.strict_checkpoints = true});
}

EDDY_TEST_CASE_FIFO("a job that never has to wait lets the others go every 128 operations") {
    int ran = 0;
    Gate gate;
    gate.open();
    const std::uint64_t before = eddy::Loop::current().statistics().forced_yields;
    eddy::spawn(count_up(ran));
    for (int i = 1; i < Turn::budget; ++i) {
        co_await gate.wait();
    }
    CHECK(ran == 0);
    co_await gate.wait();
    CHECK(ran == 1);
    CHECK(eddy::Loop::current().statistics().forced_yields == before + 1);
}

EDDY_TEST_CASE("statistics count jobs and deadlines") {
    eddy::Loop& loop = eddy::Loop::current();
    const eddy::LoopStatistics before = loop.statistics();
    Log log;
    loop.spawn(note_after(log, 1s, "a"));
    loop.spawn(note_after(log, 2s, "b"));
    eddy::LoopStatistics statistics = loop.statistics();
    CHECK(statistics.jobs_alive == before.jobs_alive + 2);
    CHECK(statistics.jobs_ready == 2);
    CHECK(statistics.jobs_spawned == before.jobs_spawned + 2);
    co_await eddy::testing::settle();
    statistics = loop.statistics();
    CHECK(statistics.jobs_ready == 0);
    CHECK(statistics.deadlines == 2);
    co_await eddy::sleep_for(5s);
    statistics = loop.statistics();
    CHECK(statistics.jobs_alive == before.jobs_alive);
    CHECK(statistics.deadlines == 0);
}

TEST_CASE("Loop::current outside a loop is InvalidState, current_or_null is null") {
    CHECK(eddy::Loop::current_or_null() == nullptr);
    CHECK_THROWS_AS(static_cast<void>(eddy::Loop::current()), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(eddy::now()), eddy::InvalidState);
    Gate gate;
    CHECK_THROWS_AS(eddy::spawn(pass(gate)), eddy::InvalidState);
    CHECK_THROWS_AS(eddy::spawn(pass, std::ref(gate)), eddy::InvalidState);
}
