// SPDX-License-Identifier: MIT
#include <eddy/wait_jobs.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::JoinHandle;
using eddy::sleep_for;
using eddy::spawn;
using eddy::Task;
using eddy::WaitUntil;
using eddy::testing::Gate;
using eddy::testing::settle;
using eddy::testing::VirtualClock;
using Places = std::vector<std::size_t>;

Task<int> after(eddy::Duration delay, int value) {
    co_await sleep_for(delay);
    co_return value;
}

Task<int> fails_after(eddy::Duration delay) {
    co_await sleep_for(delay);
    throw std::runtime_error("no");
}

/// Collects what is left, so that no failure is reported.
Task<> finish(std::vector<JoinHandle<int>>& jobs) {
    for (JoinHandle<int>& job : jobs) {
        job.cancel();
        try {
            static_cast<void>(co_await job);
        } catch (const std::exception&) {  // it is what the test is about
        }
    }
}

class AllFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;  // when the jobs have ended
    explicit AllFixture(VirtualClock& clock) { static_cast<void>(clock); }
    auto operation() { return eddy::wait(jobs_); }
    Task<> prepare() {
        for (int i = 0; i < 3; ++i) {
            jobs_.push_back(spawn(eddy::shield(passes())));
        }
        co_return;
    }
    Task<> wait() {
        const auto ended = co_await operation();
        CHECK(ended.done == Places{0, 1, 2});
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { gate_.open(); }
    bool intact() const { return true; }
    ~AllFixture() { complete(); }

private:
    Task<> passes() { co_await gate_.wait(); }

    Gate gate_;
    std::vector<JoinHandle<void>> jobs_;
};

}  // namespace

EDDY_WAIT_MATRIX("wait for jobs", AllFixture)

EDDY_TEST_CASE("wait for the first: it says who has ended and who has not") {
    std::vector<JoinHandle<int>> jobs;
    jobs.push_back(spawn(after(3ms, 30)));
    jobs.push_back(spawn(after(1ms, 10)));
    jobs.push_back(spawn(after(5ms, 50)));
    const auto first = co_await eddy::wait(jobs, WaitUntil::first_completed);
    CHECK(first.done == Places{1});
    CHECK(first.pending == Places{0, 2});
    const int value = co_await jobs[1];  // the result is still there
    CHECK(value == 10);
    const auto all = co_await eddy::wait(jobs);
    CHECK(all.done == Places{0, 1, 2});
    CHECK(all.pending.empty());
}

EDDY_TEST_CASE("wait for the first failure: successes and cancellations do not end it") {
    std::vector<JoinHandle<int>> jobs;
    jobs.push_back(spawn(after(1ms, 1)));
    jobs.push_back(spawn(after(1h, 2)));
    jobs.push_back(spawn(fails_after(3ms)));
    jobs.push_back(spawn(after(1h, 4)));
    jobs[1].cancel();
    const auto failed = co_await eddy::wait(jobs, WaitUntil::first_failure);
    CHECK(failed.done == Places{0, 1, 2});
    CHECK(failed.pending == Places{3});
    co_await finish(jobs);
}

EDDY_TEST_CASE("wait for the first failure ends with the last job when there is none") {
    std::vector<JoinHandle<int>> jobs;
    jobs.push_back(spawn(after(1ms, 1)));
    jobs.push_back(spawn(after(2ms, 2)));
    const auto ended = co_await eddy::wait(jobs, WaitUntil::first_failure);
    CHECK(ended.done == Places{0, 1});
}

EDDY_TEST_CASE("wait for no jobs is over at once") {
    const std::vector<JoinHandle<int>> none;
    for (const WaitUntil until :
         {WaitUntil::all, WaitUntil::first_completed, WaitUntil::first_failure}) {
        const auto ended = co_await eddy::wait(none, until);
        CHECK(ended.done.empty());
        CHECK(ended.pending.empty());
    }
}

EDDY_TEST_CASE("wait in a select, in a timeout, and once more") {
    std::vector<JoinHandle<int>> jobs;
    jobs.push_back(spawn(after(3ms, 1)));
    jobs.push_back(spawn(after(9ms, 2)));
    auto all = eddy::wait(jobs);
    const auto lost = co_await eddy::select(all, sleep_for(1ms));
    CHECK(lost.index() == 1);
    const auto late = co_await eddy::move_on_after(1ms, all);
    CHECK(!late.has_value());
    const auto ended = co_await all;
    CHECK(ended.done == Places{0, 1});
}

EDDY_TEST_CASE("wait keeps what it needs when the handles go") {
    auto waiting = std::make_unique<std::vector<JoinHandle<int>>>();
    waiting->push_back(spawn(after(2ms, 1)));
    auto all = eddy::wait(*waiting);
    waiting.reset();  // detached
    const auto ended = co_await all;
    CHECK(ended.done == Places{0});
}

EDDY_TEST_CASE("wait for the job that waits, or for an empty handle, is refused") {
    std::vector<JoinHandle<int>> jobs;
    Gate begin;
    const auto waits_for_itself = [](std::vector<JoinHandle<int>>& all, Gate& start) -> Task<int> {
        co_await start.wait();
        static_cast<void>(co_await eddy::wait(all));
        co_return 0;
    };
    jobs.push_back(spawn(waits_for_itself, std::ref(jobs), std::ref(begin)));
    begin.open();
    bool refused = false;
    try {
        static_cast<void>(co_await jobs[0]);
    } catch (const eddy::InvalidState&) {
        refused = true;
    }
    CHECK(refused);
    std::vector<JoinHandle<int>> empty(1);
    CHECK_THROWS_AS(static_cast<void>(eddy::wait(empty)), eddy::InvalidState);
}

EDDY_TEST_CASE("wait for a thousand jobs, of which some end in the same moment") {
    std::vector<JoinHandle<int>> jobs;
    for (int i = 0; i < 1000; ++i) {
        jobs.push_back(spawn(after(std::chrono::milliseconds(1 + i % 10), i)));
    }
    const auto first = co_await eddy::wait(jobs, WaitUntil::first_completed);
    CHECK(!first.done.empty());
    CHECK(first.done.size() <= 100);
    CHECK(first.done.size() + first.pending.size() == 1000);
    const auto all = co_await eddy::wait(jobs);
    CHECK(all.done.size() == 1000);
}
