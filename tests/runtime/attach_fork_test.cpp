// SPDX-License-Identifier: MIT
#include <chrono>
#include <unistd.h>

#include <doctest/doctest.h>

#include <uv.h>

#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/yield.hpp>

#include "attach_host.hpp"
#include "child_process.hpp"
#include "fork_kit.hpp"

// A host that forks while a loop of ours is attached to its own.

namespace {

using namespace std::chrono_literals;
using eddy::Loop;
using eddy::Task;
using eddy::testing::ChildResult;
using eddy::testing::fork_here;
using eddy::testing::Gate;
using eddy::testing::Host;
using eddy::testing::HostTimer;
using eddy::testing::run_in_child;

}  // namespace

TEST_CASE("in the child of an attached loop Eddy does nothing in the host's, which it may run") {
    Host host;
    auto loop = Loop::attach(host.loop());
    int steps = 0;
    bool in_child = false;
    bool strangers = false;
    Gate posted;
    loop->spawn([&]() -> Task<> {
        while (true) {
            strangers = strangers || in_child;
            ++steps;
            co_await eddy::sleep_for(1ms);
        }
    });
    loop->spawn([&]() -> Task<> {
        co_await posted.wait();
        Loop::current().detach([] {});
    });
    int code = -1;
    const eddy::LoopHandle handle = loop->handle();
    HostTimer forks(host, 5, [&] {
        // The wake-up is on its way when the child looks at the descriptor they share.
        CHECK(handle.post([&] { posted.open(); }));
        const ChildResult child = run_in_child([&] {
            in_child = true;
            if (uv_loop_fork(host.loop()) != 0) {
                return 1;
            }
            int timers = 0;
            uv_timer_t timer;
            uv_timer_init(host.loop(), &timer);
            timer.data = &timers;
            const auto count = [](uv_timer_t* fired) { ++*static_cast<int*>(fired->data); };
            uv_timer_start(&timer, count, 1, 1);
            while (timers < 20) {
                uv_run(host.loop(), UV_RUN_ONCE);
            }
            loop.reset();  // inherited: nothing happens
            return strangers ? 2 : 0;
        });
        code = child.exit_code;
    });
    host.run();
    CHECK(code == 0);
    CHECK(posted.is_open());
    CHECK(steps > 0);
}

TEST_CASE("a job of an attached loop that forks returns to its host in the child") {
    const pid_t parent = getpid();
    Host host;
    auto loop = Loop::attach(host.loop());
    int code = -1;
    int strangers = 0;
    bool over = false;
    loop->spawn([&]() -> Task<> {
        pid_t child = 0;
        code = fork_here(child);
        co_await eddy::yield();
        strangers += getpid() == parent ? 0 : 1;
        Loop::current().detach([&] { over = true; });
    });
    loop->spawn([&]() -> Task<> {
        strangers += getpid() == parent ? 0 : 1;
        co_return;
    });
    while (!over) {
        uv_run(host.loop(), UV_RUN_ONCE);
        if (getpid() != parent) {
            _exit(strangers == 0 ? 0 : 1);
        }
    }
    CHECK(code == 0);
}
