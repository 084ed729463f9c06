// SPDX-License-Identifier: MIT
#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/gather.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "child_process.hpp"
#include "test_kit.hpp"
#include "unanswered.hpp"

// What is said of jobs that outlast the grace of their loop: what really became of them, once.

namespace {

using namespace std::chrono_literals;
using eddy::JobInfo;
using eddy::JobState;
using eddy::Task;
using eddy::testing::let_run;

struct Reported {
    JobState state = JobState::pending;
    bool cut_off = false;
    std::string waiting_for;
    std::string backtrace;
    bool was_alive = false;  // its frame, when it was reported
};

/// Keeps the reports by name.
class Reports final : public eddy::Observer {
public:
    std::map<std::string, Reported> jobs;
    std::vector<std::string> failures;
    std::map<std::string, bool> alive;
    int calls = 0;

    [[nodiscard]] const Reported& of(const std::string& name) const { return jobs.at(name); }

    void failure(const JobInfo&, std::exception_ptr error, std::string_view) override {
        failures.push_back(eddy::detail::describe(error));
    }
    void job_abandoned(const JobInfo& job, std::string_view backtrace) override {
        ++calls;
        const std::string name(job.name);
        jobs[name] = {job.state,
                      job.cut_off,
                      std::string(job.waiting_for),
                      std::string(backtrace),
                      alive[name]};
    }
};

/// A job's frame.
class Alive final {
public:
    explicit Alive(bool& flag) noexcept : flag_(flag) { flag_ = true; }
    Alive(const Alive&) = delete;
    Alive& operator=(const Alive&) = delete;
    ~Alive() { flag_ = false; }

private:
    bool& flag_;
};

Task<> unanswered() { co_await eddy::testing::Unanswered(); }
Task<> sleeps() { co_await eddy::sleep_forever(); }

struct Bench {
    eddy::testing::VirtualClock clock;
    Reports reports;

    void run(Task<> main) {
        eddy::run(std::move(main), {.grace = 1s}, {.clock = &clock, .observer = &reports});
    }
};

}  // namespace

TEST_CASE("a job that is cut off and unwinds is reported as that, with where it stood, once") {
    Bench bench;
    bench.run([](Reports& reports) -> Task<> {
        eddy::spawn({.name = "unwinds"}, [&reports]() -> Task<> {
            const Alive here(reports.alive["unwinds"]);
            co_await unanswered();
        }).detach();
        co_await let_run();
    }(bench.reports));
    const Reported& job = bench.reports.of("unwinds");
    CHECK(job.state == JobState::failed);
    CHECK(job.cut_off);
    CHECK(job.waiting_for == "Unanswered");
    CHECK(job.backtrace.find("waits for Unanswered since 1.000 s") != std::string::npos);
    CHECK(job.backtrace.find("abandoned_jobs_test.cpp:") != std::string::npos);
    CHECK_FALSE(job.was_alive);  // reported after the fact
    CHECK(bench.reports.calls == 1);
    CHECK(bench.reports.failures.empty());  // that it was cut off says it
}

TEST_CASE("a job that is cut off and returns has finished") {
    Bench bench;
    bench.run([]() -> Task<> {
        eddy::spawn({.name = "returns"}, []() -> Task<> {
            try {
                co_await unanswered();
            } catch (const eddy::LoopClosed&) {
            }
        }).detach();
        co_await let_run();
    }());
    CHECK(bench.reports.of("returns").state == JobState::finished);
    CHECK(bench.reports.of("returns").cut_off);
}

TEST_CASE("a job that is cut off and fails for another reason is reported, and so is the reason") {
    Bench bench;
    bench.run([]() -> Task<> {
        eddy::spawn({.name = "fails"}, []() -> Task<> {
            try {
                co_await unanswered();
            } catch (const eddy::LoopClosed&) {
                throw std::runtime_error("could not clean up");
            }
        }).detach();
        co_await let_run();
    }());
    CHECK(bench.reports.of("fails").state == JobState::failed);
    REQUIRE(bench.reports.failures.size() == 1);
    CHECK(bench.reports.failures[0] == "could not clean up");
}

TEST_CASE("who waited for a job that was cut off has ended too, and has not been cut off itself") {
    Bench bench;
    bench.run([]() -> Task<> {
        eddy::spawn({.name = "parent"}, []() -> Task<> {
            co_await eddy::with_task_group([](eddy::TaskGroup& group) -> Task<> {
                group.spawn(unanswered(), {.name = "child"});
                co_return;
            });
        }).detach();
        eddy::spawn({.name = "gatherer"}, []() -> Task<> {
            co_await eddy::gather(unanswered(), unanswered());
        }).detach();
        co_await let_run();
    }());
    CHECK(bench.reports.of("child").state == JobState::failed);
    CHECK(bench.reports.of("child").cut_off);
    CHECK(bench.reports.of("parent").state == JobState::failed);
    CHECK_FALSE(bench.reports.of("parent").cut_off);
    CHECK(bench.reports.of("parent").waiting_for == "its children");
    CHECK(bench.reports.calls == 5);
    CHECK(bench.reports.failures.empty());
}

TEST_CASE("a job that goes on after it was cut off is reported as destroyed, from where it stood") {
    Bench bench;
    bench.run([](Reports& reports) -> Task<> {
        eddy::spawn({.name = "mule"}, [&reports]() -> Task<> {
            const Alive here(reports.alive["mule"]);
            try {
                co_await unanswered();
            } catch (const eddy::LoopClosed&) {
            }
            co_await eddy::shield(sleeps());
        }).detach();
        eddy::spawn(eddy::shield(sleeps()), {.name = "sleeper"}).detach();
        co_await let_run();
    }(bench.reports));
    CHECK(bench.reports.of("mule").state == JobState::pending);
    CHECK(bench.reports.of("mule").waiting_for == "Unanswered");
    CHECK(bench.reports.of("mule").was_alive);  // about to be
    CHECK_FALSE(bench.reports.alive["mule"]);
    CHECK(bench.reports.of("sleeper").state == JobState::pending);
    CHECK_FALSE(bench.reports.of("sleeper").cut_off);
    CHECK(bench.reports.calls == 2);
}

TEST_CASE("a job that was spawned by one that cleaned up and is destroyed is reported, too") {
    Bench bench;
    bench.run([]() -> Task<> {
        eddy::spawn({.name = "parent"}, []() -> Task<> {
            try {
                co_await unanswered();
            } catch (const eddy::LoopClosed&) {
                eddy::spawn(eddy::shield(sleeps()), {.name = "late"}).detach();
            }
        }).detach();
        co_await let_run();
    }());
    CHECK(bench.reports.of("parent").state == JobState::finished);
    CHECK(bench.reports.of("late").state == JobState::pending);
    CHECK(bench.reports.calls == 2);
}

TEST_CASE("a handle that outlives the loop says nothing more of a job that was cut off") {
    Bench bench;
    eddy::JoinHandle<void> kept;
    bench.run([](eddy::JoinHandle<void>& out) -> Task<> {
        out = eddy::spawn(unanswered(), {.name = "kept"});
        co_await let_run();
    }(kept));
    CHECK(kept.state() == JobState::failed);
    CHECK(bench.reports.calls == 1);
    CHECK(bench.reports.failures.empty());
}

namespace {

int count_of(std::string_view part, std::string_view text) {
    int count = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("the log says what became of each job that outlasted the grace") {
    const auto end = eddy::testing::run_in_child([] {
        eddy::run(
            []() -> Task<> {
                eddy::spawn(unanswered(), {.name = "cut"}).detach();
                eddy::spawn(eddy::shield(sleeps()), {.name = "sleeper"}).detach();
                co_await let_run();
            }(),
            {.grace = 10ms});
        return 0;
    });
    CHECK(end.exit_code == 0);
    CHECK(count_of("cut off after its grace period from what it waited for, and ended: cut #2",
                   end.errors) == 1);
    CHECK(count_of("destroyed after its grace period, it ignored its cancellation: sleeper #3",
                   end.errors) == 1);
    CHECK(count_of("[eddy]", end.errors) == 2);
}
