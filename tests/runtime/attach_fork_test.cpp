// SPDX-License-Identifier: MIT
#include <chrono>
#include <unistd.h>

#include <doctest/doctest.h>

#include <uv.h>

#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/with_scope.hpp>
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

namespace {

/// Forks when it dies.
class ForksAtEnd final {
public:
    explicit ForksAtEnd(int& code) noexcept : code_(code) {}
    ForksAtEnd(const ForksAtEnd&) = delete;
    ForksAtEnd& operator=(const ForksAtEnd&) = delete;
    ~ForksAtEnd() {
        pid_t child = 0;
        code_ = fork_here(child);
    }

private:
    int& code_;
};

/// Runs the host until the guest has left; its child comes back here, and ends well.
void run_until(Host& host, const bool& over) {
    const pid_t parent = getpid();
    while (!over) {
        uv_run(host.loop(), UV_RUN_ONCE);
        if (getpid() != parent) {
            _exit(over ? 1 : 0);
        }
    }
}

}  // namespace

TEST_CASE("a guest that forks while its jobs are destroyed returns to its host in the child") {
    Host host;
    auto loop = Loop::attach(host.loop());
    int code = -1;
    bool over = false;
    loop->spawn([&]() -> Task<> {
        const ForksAtEnd last(code);
        co_await eddy::shield([]() -> Task<> { co_await eddy::sleep_forever(); });
    });
    loop->spawn([&]() -> Task<> {
        co_await eddy::yield();
        Loop::current().detach([&] { over = true; }, std::chrono::seconds(0));
    });
    run_until(host, over);
    CHECK(code == 0);
}

TEST_CASE("a guest that forks in what was posted last returns to its host in the child") {
    Host host;
    auto loop = Loop::attach(host.loop());
    int code = -1;
    bool over = false;
    loop->spawn([&]() -> Task<> {
        Loop::current().detach([&] { over = true; });
        CHECK(Loop::current().post([&] {
            pid_t child = 0;
            code = fork_here(child);
        }));
        co_return;
    });
    run_until(host, over);
    CHECK(code == 0);
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
