// SPDX-License-Identifier: MIT
#include <eddy/observer.hpp>

#include <cstdint>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "child_process.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::testing::Gate;
using eddy::testing::RecordingObserver;
using eddy::testing::VirtualClock;
using Log = std::vector<std::string>;

/// Writes down the hooks it is asked for; throws from one of them if told to.
class Recorder final : public eddy::Observer {
public:
    explicit Recorder(std::uint32_t wanted, std::string throws_in = {})
        : wanted_(wanted), throws_in_(std::move(throws_in)) {}

    [[nodiscard]] std::uint32_t hooks() const noexcept override { return wanted_; }

    void job_spawned(const eddy::JobInfo& job) override { note("spawned", job); }
    void job_scheduled(const eddy::JobInfo& job) override { note("scheduled", job); }
    void before_step(const eddy::JobInfo& job) override { note("before", job); }
    void after_step(const eddy::JobInfo& job) override { note("after", job); }
    void job_exited(const eddy::JobInfo& job) override {
        note("exited", job);
        states.push_back(job.state);
    }
    void before_poll(eddy::Duration timeout) override {
        note("before poll", {});
        timeouts.push_back(timeout);
    }
    void after_poll() override { note("after poll", {}); }
    void failure(const eddy::JobInfo& job, std::exception_ptr, std::string_view where) override {
        note("failure in " + std::string(where), job);
    }

    Log log;
    std::vector<eddy::JobState> states;
    std::vector<eddy::Duration> timeouts;

private:
    void note(std::string what, const eddy::JobInfo& job) {
        if (!job.name.empty()) {
            what += " " + std::string(job.name);
        }
        log.push_back(what);
        if (!throws_in_.empty() && what.find(throws_in_) == 0) {
            throw std::runtime_error("from an observer");
        }
    }

    std::uint32_t wanted_;
    std::string throws_in_;
};

std::string joined(const Log& log) {
    std::string text;
    for (const std::string& line : log) {
        text += line + "\n";
    }
    return text;
}

eddy::Task<> yields_once() { co_await eddy::yield(); }
eddy::Task<> fails() {
    co_await eddy::yield();
    throw std::runtime_error("no");
}

}  // namespace

EDDY_TEST_CASE_FIFO("the hooks of a small scenario come in order") {
    using Hook = eddy::Observer;
    Recorder all(Hook::spawned | Hook::scheduled | Hook::steps | Hook::exited);
    eddy::Loop& loop = eddy::Loop::current();
    loop.add_observer(all);
    eddy::JoinHandle<void> child = loop.spawn(yields_once(), {.name = "child"});
    co_await child.wait();
    loop.remove_observer(all);
    // The step in which an observer comes was not announced to it.
    const Log expected = {"spawned child",
                          "scheduled child",
                          "before child",
                          "scheduled child",
                          "after child",
                          "before child",
                          "after child",
                          "scheduled main",
                          "exited child",
                          "before main"};
    CHECK(joined(all.log) == joined(expected));
    CHECK(all.states == std::vector<eddy::JobState>{eddy::JobState::finished});
}

EDDY_TEST_CASE_FIFO("with ready_times one can tell since when a woken job is ready") {
    class Watcher final : public eddy::Observer {
    public:
        [[nodiscard]] std::uint32_t hooks() const noexcept override {
            return scheduled | steps | exited | ready_times;
        }
        void job_scheduled(const eddy::JobInfo& job) override { note('s', job); }
        void before_step(const eddy::JobInfo& job) override { note('b', job); }
        void after_step(const eddy::JobInfo& job) override { note('a', job); }
        void job_exited(const eddy::JobInfo& job) override { note('x', job); }

        std::string log;  // each hook, and the milliseconds of ready_since, if there are any

    private:
        void note(char hook, const eddy::JobInfo& job) {
            if (job.name == "child") {
                log += hook;
                if (job.ready_since) {
                    log += std::to_string(job.ready_since->time_since_epoch() / 1ms);
                }
            }
        }
    };
    Watcher watcher;
    Gate gate;
    eddy::Loop& loop = eddy::Loop::current();
    loop.add_observer(watcher);
    const auto child = [](Gate& g, bool yields) -> eddy::Task<> {
        co_await g.wait();
        if (yields) {
            co_await eddy::yield();
        }
    };
    loop.spawn({.name = "child"}, child, std::ref(gate), true);
    co_await eddy::testing::settle();
    eddy::testing::test_clock().advance(7ms);
    gate.open();
    eddy::testing::test_clock().advance(1ms);
    co_await eddy::testing::settle();
    CHECK(watcher.log == "sbas7b7sabax");
    watcher.log.clear();

    Gate other;
    loop.spawn({.name = "child"}, child, std::ref(other), false);
    co_await eddy::testing::settle();
    other.open();
    co_await eddy::testing::settle();
    loop.remove_observer(watcher);
    CHECK(watcher.log == "sbas8b8ax");
}

EDDY_TEST_CASE("only the hooks that were asked for are called") {
    Recorder none(eddy::Observer::no_hooks);
    Recorder exits(eddy::Observer::exited);
    eddy::Loop& loop = eddy::Loop::current();
    loop.add_observer(none);
    loop.add_observer(exits);
    eddy::JoinHandle<void> child = loop.spawn(yields_once(), {.name = "child"});
    co_await child.wait();
    loop.remove_observer(none);
    loop.remove_observer(exits);
    CHECK(none.log.empty());
    CHECK(exits.log == Log{"exited child"});
}

EDDY_TEST_CASE("after remove_observer nothing more comes") {
    Recorder all(eddy::Observer::all_hooks);
    eddy::Loop& loop = eddy::Loop::current();
    loop.add_observer(all);
    loop.remove_observer(all);
    co_await eddy::yield();
    CHECK(all.log.empty());
}

EDDY_TEST_CASE("adding an observer twice, or removing a stranger, is invalid_argument") {
    Recorder observer(eddy::Observer::no_hooks);
    eddy::Loop& loop = eddy::Loop::current();
    CHECK_THROWS_AS(loop.remove_observer(observer), std::invalid_argument);
    loop.add_observer(observer);
    CHECK_THROWS_AS(loop.add_observer(observer), std::invalid_argument);
    loop.remove_observer(observer);
    CHECK_THROWS_AS(loop.remove_observer(observer), std::invalid_argument);
    co_return;
}

EDDY_TEST_CASE("job_exited tells how a job ended") {
    auto& failures = eddy::testing::expected_failures();
    Recorder exits(eddy::Observer::exited);
    eddy::Loop& loop = eddy::Loop::current();
    loop.add_observer(exits);
    eddy::JoinHandle<void> fine = loop.spawn(yields_once());
    co_await fine.wait();
    loop.spawn(fails());
    co_await eddy::testing::settle();
    eddy::JoinHandle<void> sleeper =
        loop.spawn([]() -> eddy::Task<> { co_await eddy::sleep_forever(); });
    sleeper.cancel();
    co_await sleeper.wait();
    loop.remove_observer(exits);
    const std::vector<eddy::JobState> expected = {
        eddy::JobState::finished, eddy::JobState::failed, eddy::JobState::cancelled};
    CHECK(exits.states == expected);
    CHECK(failures.size() == 1);
}

TEST_CASE("job_exited comes for jobs that the end of the loop destroys, too") {
    VirtualClock clock;
    RecordingObserver quiet;
    Recorder recorder(eddy::Observer::spawned | eddy::Observer::exited);
    eddy::Loop loop({.clock = &clock, .observer = &quiet});
    loop.add_observer(recorder);
    const auto main = []() -> eddy::Task<> {
        eddy::spawn([]() -> eddy::Task<> {
            co_await eddy::shield([]() -> eddy::Task<> { co_await eddy::sleep_forever(); });
        });
        co_await eddy::yield();
    };
    loop.run(main(), {.grace = 1s});
    CHECK(recorder.log.size() == 4);
    CHECK(recorder.states.size() == 2);
}

TEST_CASE("polls are announced with how long they may take") {
    Recorder polls(eddy::Observer::polls);
    eddy::Loop loop;
    loop.add_observer(polls);
    const auto main = []() -> eddy::Task<> {
        co_await eddy::sleep_for(1ms);  // the first poll looks only, the second one waits
    };
    loop.run(main());
    REQUIRE(polls.timeouts.size() >= 2);
    CHECK(polls.timeouts[0] == 0s);
    CHECK(polls.timeouts[1] > 0s);
    CHECK(polls.timeouts[1] <= 1ms);
    REQUIRE(polls.log.size() >= 2);
    CHECK(polls.log[0] == "before poll");
    CHECK(polls.log[1] == "after poll");
}

EDDY_TEST_CASE("an observer that throws is removed, and the others go on") {
    Recorder before(eddy::Observer::exited);
    Recorder bad(eddy::Observer::exited, "exited");
    Recorder after(eddy::Observer::exited);
    eddy::Loop& loop = eddy::Loop::current();
    for (Recorder* observer : {&before, &bad, &after}) {
        loop.add_observer(*observer);
    }
    for (int i = 0; i < 2; ++i) {
        eddy::JoinHandle<void> child = loop.spawn(yields_once());
        co_await child.wait();
    }
    CHECK(bad.log.size() == 1);
    CHECK(before.log.size() == 2);
    CHECK(after.log.size() == 2);
    CHECK_THROWS_AS(loop.remove_observer(bad), std::invalid_argument);
    loop.remove_observer(before);
    loop.remove_observer(after);
}

TEST_CASE("that an observer threw is logged, and so are failures when no observer is left") {
    const auto result = eddy::testing::run_in_child([] {
        Recorder bad(eddy::Observer::no_hooks, "failure");
        eddy::Loop loop({.observer = &bad});
        const auto main = []() -> eddy::Task<> {
            eddy::spawn(fails());
            co_await eddy::sleep_for(1ms);
            eddy::spawn(fails(), {.name = "second"});
            co_await eddy::sleep_for(1ms);
        };
        loop.run(main());
        return bad.log.size() == 1 ? 0 : 1;
    });
    CHECK(result.exit_code == 0);
    CHECK(result.errors.find("from an observer") != std::string::npos);
    CHECK(result.errors.find("second") != std::string::npos);
}

TEST_CASE("the default observer logs failures and jobs that ignore their cancellation") {
    const auto result = eddy::testing::run_in_child([] {
        VirtualClock clock;
        const auto main = []() -> eddy::Task<> {
            eddy::spawn(fails(), {.name = "loser"});
            eddy::spawn([]() -> eddy::Task<> {
                co_await eddy::shield([]() -> eddy::Task<> { co_await eddy::sleep_forever(); });
            });
            co_await eddy::sleep_for(1ms);
        };
        eddy::run(main(), {.grace = 1s}, {.clock = &clock});
        return 0;
    });
    CHECK(result.exit_code == 0);
    CHECK(result.errors.find("loser") != std::string::npos);
    CHECK(result.errors.find("observer_test.cpp") != std::string::npos);
    CHECK(result.errors.find("ignored its cancellation") != std::string::npos);
}

EDDY_TEST_CASE("a failure is reported once, when nobody can collect it any more") {
    auto& failures = eddy::testing::expected_failures();
    {
        const eddy::JoinHandle<void> kept = eddy::spawn(fails(), {.name = "kept"});
        co_await eddy::testing::settle();
        CHECK(failures.empty());
    }
    CHECK(failures.size() == 1);
    eddy::JoinHandle<void> collected = eddy::spawn(fails());
    bool thrown = false;
    try {
        co_await collected;
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    CHECK(thrown);
    collected.detach();
    CHECK(failures.size() == 1);
    eddy::spawn(fails(), {.name = "dropped"});
    co_await eddy::testing::settle();
    REQUIRE(failures.size() == 2);
    CHECK(failures[0].job == "kept");
    CHECK(failures[1].job == "dropped");
    CHECK(failures[1].where == "detached job");
}

EDDY_TEST_CASE("an observer may leave while it is being called") {
    class Leaver final : public eddy::Observer {
    public:
        [[nodiscard]] std::uint32_t hooks() const noexcept override { return exited; }
        void job_exited(const eddy::JobInfo&) override {
            ++calls;
            eddy::Loop::current().remove_observer(*this);
        }
        int calls = 0;
    };
    Leaver leaver;
    Recorder next(eddy::Observer::exited);
    eddy::Loop& loop = eddy::Loop::current();
    loop.add_observer(leaver);
    loop.add_observer(next);
    for (int i = 0; i < 2; ++i) {
        eddy::JoinHandle<void> child = loop.spawn(yields_once());
        co_await child.wait();
    }
    CHECK(leaver.calls == 1);
    CHECK(next.log.size() == 2);
    loop.remove_observer(next);
}

TEST_CASE("an observer may ask for hooks that it does not override") {
    class Silent final : public eddy::Observer {
    public:
        [[nodiscard]] std::uint32_t hooks() const noexcept override { return all_hooks; }
    };
    VirtualClock clock;
    Silent silent;
    bool done = false;
    eddy::Loop loop({.clock = &clock, .observer = &silent});
    loop.run([](bool& flag) -> eddy::Task<> {
        auto job = eddy::spawn([]() -> eddy::Task<> { co_await eddy::sleep_for(1ms); });
        co_await job;
        eddy::spawn([]() -> eddy::Task<> {
            throw std::runtime_error("nobody hears of this");
            co_return;
        }).detach();
        co_await eddy::yield();
        flag = true;
    }(done));
    CHECK(done);
}
