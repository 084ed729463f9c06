// SPDX-License-Identifier: MIT
#include <eddy/current_job.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include <eddy/call_later.hpp>
#include <eddy/error.hpp>
#include <eddy/job_info.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/yield.hpp>

using eddy::current_job;
using eddy::JobId;
using eddy::JobState;
using eddy::Task;
using namespace std::chrono_literals;

namespace {

struct Seen {
    JobId id = 0;
    JobId parent = 0;
    std::string name;
    JobState state = JobState::finished;
};

Seen look() {
    const eddy::JobInfo job = current_job();
    return {job.id, job.parent, std::string(job.name), job.state};
}

Task<> looks(Seen& before, Seen& after) {
    before = look();
    co_await eddy::yield();
    after = look();
}

Task<Seen> looks_inside() { co_return look(); }

}  // namespace

EDDY_TEST_CASE("a job knows its id and name, before and after a wait") {
    const JobId mine = current_job().id;
    CHECK(mine != 0);
    Seen before;
    Seen after;
    auto handle = eddy::spawn(looks(before, after), {.name = "worker 7"});
    const JobId id = handle.id();
    co_await handle;
    CHECK(before.id == id);
    CHECK(before.parent == mine);
    CHECK(before.name == "worker 7");
    CHECK(before.state == JobState::pending);
    CHECK(after.id == id);
    CHECK(after.name == "worker 7");
    CHECK(current_job().id == mine);
}

EDDY_TEST_CASE("a task that is awaited is the job that awaits it") {
    const Seen inside = co_await looks_inside();
    CHECK(inside.id == current_job().id);
}

EDDY_TEST_CASE("a job without a name has an id, and an empty name") {
    Seen before;
    Seen after;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(looks(before, after));
        co_return;
    });
    CHECK(before.id != 0);
    CHECK(before.id != current_job().id);
    CHECK(before.name.empty());
}

EDDY_TEST_CASE("a job that is cancelled sees that") {
    JobState seen = JobState::pending;
    const auto body = [](JobState& state) -> Task<> {
        try {
            co_await eddy::sleep_for(1h);
        } catch (...) {
            state = current_job().state;
            throw;
        }
    };
    auto handle = eddy::spawn(body, std::ref(seen));
    co_await eddy::yield();
    handle.cancel();
    co_await handle.wait();
    CHECK(seen == JobState::cancelling);
}

EDDY_TEST_CASE("a timer's function is nobody's job, and neither is another thread") {
    Seen in_timer;
    in_timer.id = 1;
    eddy::call_later(1ms, [&in_timer] { in_timer = look(); });
    co_await eddy::sleep_for(2ms);
    CHECK(in_timer.id == 0);
    CHECK(in_timer.name.empty());
    Seen elsewhere;
    elsewhere.id = 1;
    std::thread([&elsewhere] { elsewhere = look(); }).join();
    CHECK(elsewhere.id == 0);
}

TEST_CASE("outside of a loop there is no job") { CHECK(current_job().id == 0); }

TEST_CASE("every state of a job, and every source of a cancellation, has a name") {
    using eddy::JobState;
    CHECK(to_string(JobState::pending) == "pending");
    CHECK(to_string(JobState::cancelling) == "cancelling");
    CHECK(to_string(JobState::finished) == "finished");
    CHECK(to_string(JobState::failed) == "failed");
    CHECK(to_string(JobState::cancelled) == "cancelled");
    CHECK(to_string(static_cast<JobState>(100)) == "unknown");
    using eddy::CancelSource;
    CHECK(to_string(CancelSource::explicit_call) == "cancel");
    CHECK(to_string(CancelSource::deadline) == "deadline");
    CHECK(to_string(CancelSource::group) == "failure in the group");
    CHECK(to_string(CancelSource::shutdown) == "shutdown");
    CHECK(to_string(static_cast<CancelSource>(100)) == "unknown");
}
